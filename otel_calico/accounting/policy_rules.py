"""The deciding rules of one policy chain, and the totals that they add to.

Each rule is followed on its own, by its hash (`gains`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otel_calico.accounting.gains import Counters, gains
from otel_calico.accounting.last_hits import PolicyKey
from otel_calico.attribution.plan import PolicyPlan
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Labels


@dataclass(slots=True, eq=False)
class Total:
    """What a policy's rules of one direction and verdict counted since the start, on the whole node."""

    labels: Labels
    policy: PolicyKey
    since: int  # Unix nanoseconds
    packets: int = 0
    octets: int = 0


class PolicyRules:
    """One policy chain; made anew when the plan or a rule of it changes."""

    __slots__ = ("_counters", "_positions", "_totals", "chain")

    def __init__(self, plan: PolicyPlan, chain: Chain, totals: Sequence[Total], counters: Counters) -> None:
        """`totals` and `counters` are those of each deciding rule."""
        self.chain = chain
        self._positions = [position for _, position in plan.verdicts.deciding]
        self._totals = totals
        self._counters = counters

    def look(self, chain: Chain) -> Counters:
        """What the same rules count now."""
        return chain.counters(self._positions)

    def book(self, chain: Chain, counters: Counters) -> set[PolicyKey]:
        """Add what the rules gained since the last look. The policies of rules that packets met."""
        former, self._counters, self.chain = self._counters, counters, chain
        return book_gains(self._totals, counters, former)


def book_gains(totals: Sequence[Total], counters: Counters, former: Counters) -> set[PolicyKey]:
    """Add what each rule gained to its total. The policies of rules that packets met."""
    hit: set[PolicyKey] = set()
    for total, (packets, octets) in zip(totals, gains(former, counters), strict=True):
        total.octets += octets
        if packets:
            total.packets += packets
            hit.add(total.policy)
    return hit
