"""What rules counted: in all, and since a former scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from otel_calico.accounting.gains import Counters, counters_before, difference_gains, gains
from otel_calico.attribution.planned_series import Difference
from otel_calico.ruleset.ruleset import Chain


class Trust(Enum):
    """What a total can be taken for.

    `EXACT`: one rule counts just this. `COMPUTED`: a difference of rules, true unless Felix rewrote only some of them.
    `SHARED`: all endpoints of the node together. `UNRELIABLE`: a difference that such a rewrite has visibly spoilt.
    """

    EXACT = "exact"
    COMPUTED = "computed"
    SHARED = "shared"
    UNRELIABLE = "unreliable"


@dataclass(frozen=True, slots=True)
class Amount:
    """Packets and their bytes; `bytes` is None where nothing counts them (eBPF)."""

    packets: int = 0
    bytes: int | None = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        octets = None if self.bytes is None or other.bytes is None else self.bytes + other.bytes
        return Amount(self.packets + other.packets, octets)

    def __sub__(self, other: Amount) -> Amount:
        """What is left; never negative, as a dump is no atomic look at live counters."""
        octets = None if self.bytes is None or other.bytes is None else max(0, self.bytes - other.bytes)
        return Amount(max(0, self.packets - other.packets), octets)


@dataclass(frozen=True, slots=True)
class Count:
    """`total` is since Felix wrote the rules; `moved` since the former look, None where nothing can be said of it."""

    total: Amount
    trust: Trust
    moved: Amount | None = None


class ChainCounts:
    """The counters of one chain now and, where there was a former scan, then."""

    def __init__(self, chain: Chain | None, former: Chain | None, *, looked_before: bool) -> None:
        """`former` is None where the chain was not there, or nobody looked."""
        rules = range(len(chain.layout)) if chain else ()
        self._now: Counters = chain.counters(rules) if chain else ()
        self._before = counters_before(chain, rules, former) if chain else ()
        self._looked_before = looked_before

    def rule(self, position: int, trust: Trust = Trust.EXACT) -> Count:
        """What one rule counted."""
        moved = gains([self._before[position]], [self._now[position]])[0]
        return Count(Amount(*self._now[position]), trust, Amount(*moved) if self._looked_before else None)

    def rules(self, positions: Iterable[int], trust: Trust) -> Count:
        """What several rules counted together."""
        return together([self.rule(position, trust) for position in positions], trust)

    def difference(self, difference: Difference) -> Count:
        """What one rule counted less what others did."""
        if not difference.less:
            return self.rule(difference.whole)
        whole = Amount(*self._now[difference.whole])
        less = sum((Amount(*self._now[position]) for position in difference.less), Amount())
        trust = Trust.COMPUTED if whole.packets >= less.packets else Trust.UNRELIABLE
        return Count(whole - less, trust, self._moved(difference) if self._looked_before else None)

    def _moved(self, difference: Difference) -> Amount | None:
        """None where it cannot be told."""
        packets, octets = (
            difference_gains([difference], before, now, chain_fell=lambda: False)[0]  # all rules of the chain are given
            for before, now in zip(zip(*self._before, strict=True), zip(*self._now, strict=True), strict=True)
        )
        return None if packets is None or octets is None else Amount(max(0, packets), max(0, octets))


def together(counts: Iterable[Count], trust: Trust) -> Count:
    """The sum of counts. What moved is known only where it is of each."""
    given = list(counts)
    moved = [count.moved for count in given if count.moved is not None]
    total = sum((count.total for count in given), Amount())
    return Count(total, trust, sum(moved, Amount()) if moved and len(moved) == len(given) else None)


def at_most(count: Count, limit: int) -> Count:
    """The count, which cannot be true if it has more packets than what it is a part of."""
    return count if count.total.packets <= limit else replace(count, trust=Trust.UNRELIABLE)
