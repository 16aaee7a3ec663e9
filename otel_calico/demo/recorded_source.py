"""A source of the recorded rulesets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from otel_calico.calico.model import IPVersion
from otel_calico.demo.record import RecordedRuleset, count, load_flows, rules_file
from otel_calico.sources.ruleset_source import Dump, GivenRules


class DemoSource(GivenRules):
    """A source whose counters move with `clock`, which tells seconds from any start on."""

    backend = "demo"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._record = load_flows()
        self._started = clock()
        self._rulesets = [
            RecordedRuleset.cut(version, rules_file(version).read_text(), self._record.flows) for version in IPVersion
        ]

    def read(self) -> Sequence[Dump]:
        """Both dumps, with the counters of now."""
        seconds = self._record.recorded_seconds + self._clock() - self._started
        flows = self._record.flows
        return [
            Dump(ruleset.ip_version, ruleset.dump(count(flows, ruleset.ip_version, seconds)))
            for ruleset in self._rulesets
        ]
