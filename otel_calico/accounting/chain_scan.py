"""One endpoint chain in one scan, as its accounts see it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from otel_calico.accounting.scan_times import ScanTimes
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain


@dataclass(frozen=True, slots=True)
class Stream:
    """One series fed by one rule: the rule's hash, its counter now, and what the exporters need to know of it."""

    rule: str
    value: int
    lost: int
    first: int
    since: int


@dataclass(slots=True)
class ChainScan:
    """The chain now, and as it was in the scan before (None: it was not there)."""

    chain: Chain
    before: Chain | None
    times: ScanTimes
    _known: dict[bool, Mapping[str, int]] = field(default_factory=dict, init=False)

    def hashes(self, rules: Iterable[int]) -> tuple[str, ...]:
        """Hashes of the rules at these positions; they tell a rule from its replacement."""
        return tuple(self.chain.layout.hashes[rule] for rule in rules)

    def known(self, metric: Metric) -> Mapping[str, int]:
        """What each rule counted in the scan before, by hash: history of a series that is only now planned."""
        octets = metric.counts_bytes
        if octets not in self._known:
            before = self.before
            rules = range(len(before.layout)) if before else ()
            counters = (before.octets(rules) if octets else before.packets(rules)) if before else []
            self._known[octets] = dict(zip(before.layout.hashes if before else (), counters, strict=True))
        return self._known[octets]

    def stream(self, metric: Metric, rule: str, value: int) -> Stream:
        """A series that nobody followed up to now."""
        first = value if self.times.first else self.known(metric).get(rule, 0)
        return Stream(rule, value, lost=0, first=first if first <= value else 0, since=self.times.previous)
