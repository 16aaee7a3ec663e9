"""One endpoint chain in one scan, as its accounts see it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt

from otel_calico.accounting.decisions import Decisions
from otel_calico.accounting.planned import ScanTimes
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
    """The chain now, and as it was in the scan before (None: it was not there).

    `groups` is what members of groups decided since then, by the group's chain, where that is known.
    """

    chain: Chain
    before: Chain | None
    times: ScanTimes
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

    @property
    def was_reset(self) -> bool:
        """True if some rule of the chain counts less than in the scan before."""
        if self.before is None:
            return False
        if self.before.layout is self.chain.layout:
            return any(map(lt, self.chain.all_packets, self.before.all_packets))
        before, now = (_counters_by_hash(chain, octets=False) for chain in (self.before, self.chain))
        return any(packets < before.get(rule, 0) for rule, packets in now.items())

    def history(self, metric: Metric, rules: Sequence[str], values: Sequence[int]) -> Sequence[int]:
        """What series that nobody followed up to now showed before: at the first scan all, of new rules nothing.

        An empty sequence stands for zeros.
        """
        if self.times.first:
            return values
        known = self.known(metric)
        if not known:
            return ()
        shown = [known.get(rule, 0) for rule in rules]
        # A rule that fell was reset: what it shows now came since.
        return [old if old <= now else 0 for old, now in zip(shown, values, strict=True)] if any(shown) else ()

    def stream(self, metric: Metric, rule: str, value: int) -> Stream:
        """A series that nobody followed up to now."""
        shown = self.history(metric, (rule,), (value,))
        return Stream(rule, value, lost=0, first=shown[0] if shown else 0, since=self.times.previous)


def _counters_by_hash(chain: Chain, *, octets: bool) -> Mapping[str, int]:
    rules = range(len(chain.layout))
    return dict(zip(chain.layout.hashes, chain.octets(rules) if octets else chain.all_packets, strict=True))
