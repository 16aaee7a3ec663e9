"""What rules counted: in all, and since a former look. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from otel_calico.attribution.plan import Difference
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
    """Packets and their bytes."""

    packets: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.packets + other.packets, self.bytes + other.bytes)

    def __sub__(self, other: Amount) -> Amount:
        """What is left; never negative, as a dump is no atomic look at live counters."""
        return Amount(max(0, self.packets - other.packets), max(0, self.bytes - other.bytes))


@dataclass(frozen=True, slots=True)
class Count:
    """`total` is since Felix wrote the rules; `moved` since the former look, None where nothing can be said of it."""

    total: Amount
    trust: Trust
    moved: Amount | None = None


class ChainCounts:
    """The counters of one chain now and, where there was a former look, then."""

    def __init__(self, chain: Chain | None, former: Chain | None, *, looked_before: bool) -> None:
        """`former` is None where the chain was not there, or nobody looked."""
        self._amounts = _amounts(chain)
        self._hashes = chain.layout.hashes if chain else ()
        self._before = dict(zip(former.layout.hashes, _amounts(former), strict=True)) if former else {}
        self._looked_before = looked_before
        self._was_reset = any(map(self._fell, range(len(self._hashes))))

    def rule(self, position: int, trust: Trust = Trust.EXACT) -> Count:
        """What one rule counted. One that fell was reset, and one that is new counts in full."""
        return Count(self._amounts[position], trust, self._moved(position) if self._looked_before else None)

    def rules(self, positions: Iterable[int], trust: Trust) -> Count:
        """What several rules counted together."""
        return together([self.rule(position, trust) for position in positions], trust)

    def difference(self, difference: Difference) -> Count:
        """What one rule counted less what others did."""
        whole, less = self._amounts[difference.whole], self._sum(difference.less)
        if not difference.less:
            return self.rule(difference.whole)
        trust = Trust.COMPUTED if whole.packets >= less.packets else Trust.UNRELIABLE
        return Count(whole - less, trust, self._moved_difference(difference))

    def _moved_difference(self, difference: Difference) -> Amount | None:
        """None where its rules do not count from the same instant: docs/design.md, "Resets"."""
        new = {self._hashes[position] not in self._before for position in difference.rules}
        if not self._looked_before or self._was_reset or len(new) > 1:
            return None
        less = (self._moved(position) for position in difference.less)
        return self._moved(difference.whole) - sum(less, Amount())

    def _moved(self, position: int) -> Amount:
        before = self._before.get(self._hashes[position], Amount())
        return self._amounts[position] if self._fell(position) else self._amounts[position] - before

    def _fell(self, position: int) -> bool:
        before = self._before.get(self._hashes[position])
        return before is not None and self._amounts[position].packets < before.packets

    def _sum(self, positions: Iterable[int]) -> Amount:
        return sum((self._amounts[position] for position in positions), Amount())


def together(counts: Iterable[Count], trust: Trust) -> Count:
    """The sum of counts. What moved is known only where it is of each."""
    given = list(counts)
    moved = [count.moved for count in given if count.moved is not None]
    total = sum((count.total for count in given), Amount())
    return Count(total, trust, sum(moved, Amount()) if moved and len(moved) == len(given) else None)


def at_most(count: Count, limit: int) -> Count:
    """The count, which cannot be true if it has more packets than what it is a part of."""
    return count if count.total.packets <= limit else replace(count, trust=Trust.UNRELIABLE)


def _amounts(chain: Chain | None) -> list[Amount]:
    if chain is None:
        return []
    return [Amount(packets, octets) for packets, octets in chain.counters(range(len(chain.layout)))]
