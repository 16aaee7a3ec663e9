"""The time between two scans of one ruleset, as its accounts see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.accounting.decisions import Decisions
from otel_calico.accounting.gains import NEW, any_fell, gain
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain, Ruleset


@dataclass(frozen=True, slots=True)
class Interval:
    """A ruleset now, and as it was in the scan before.

    `since` is the Unix time in nanoseconds right after the scan before; of this one, where it is the `first`.
    """

    now: PlannedRuleset
    before: Ruleset
    since: int
    first: bool


@dataclass(slots=True)
class ChainInterval:
    """One endpoint chain now, and as it was in the scan before (None: it was not there).

    `groups` is what members of groups decided since then, by the group's chain, where that is known.
    """

    chain: Chain
    before: Chain | None
    since: int
    first: bool
    groups: Mapping[str, Decisions] = field(default_factory=dict)
    _known: dict[bool, Mapping[str, int]] = field(default_factory=dict, init=False)

    def hashes(self, rules: Iterable[int]) -> tuple[str, ...]:
        """Hashes of the rules at these positions; they tell a rule from its replacement."""
        return tuple(map(self.chain.layout.hashes.__getitem__, rules))

    def known(self, metric: Metric) -> Mapping[str, int]:
        """What each rule counted in the scan before, by hash: history of a series that is only now planned."""
        octets = metric.counts_bytes
        if octets not in self._known:
            self._known[octets] = _counters_by_hash(self.before, octets=octets) if self.before else {}
        return self._known[octets]

    def any_fell(self) -> bool:
        """True if some rule of the chain counts less than in the scan before."""
        return any_fell(self.chain, self.before)

    def history(self, metric: Metric, rules: Sequence[str], values: Sequence[int]) -> Sequence[int]:
        """What series that nobody followed up to now showed before: at the first scan all, of new rules nothing.

        An empty sequence stands for zeros.
        """
        if self.first:
            return values
        known = self.known(metric)
        if not known:
            return ()
        shown = [now - gain(known.get(rule, NEW), now) for rule, now in zip(rules, values, strict=True)]
        return shown if any(shown) else ()


def _counters_by_hash(chain: Chain, *, octets: bool) -> Mapping[str, int]:
    rules = range(len(chain.layout))
    return dict(zip(chain.layout.hashes, chain.octets(rules) if octets else chain.all_packets, strict=True))
