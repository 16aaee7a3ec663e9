"""From what counters gained to what series gain.

A match id says policy, verdict and place. Which rule that is, and what proves a workload's number, may have changed
between two looks: what both plans say alike is booked, the rest is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

from otel_calico.accounting.since_start import Gains
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROP_REASONS, DROPPED_BY_POLICY, POLICY
from otel_calico.ebpf.gains import InterfaceGains, RuleGains
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.plan import EbpfPlan, InterfaceDrop, NodeDropKey
from otel_calico.ebpf.proofs import Proof
from otel_calico.metrics import Metric

_OTHER_DROPS = {place: reason for place, reason in DROP_REASONS.items() if place != DROPPED_BY_POLICY}


@dataclass(frozen=True, slots=True)
class Bookings:
    """What series gained since the look before, by their place in the plan."""

    policies: Gains = field(default_factory=dict)
    rules: Gains = field(default_factory=dict)
    node_drops: Gains = field(default_factory=dict)
    accepted: Gains = field(default_factory=dict)
    dropped: Gains = field(default_factory=dict)
    exact: Mapping[Metric, Gains] = field(default_factory=dict)


class Booker:
    """Books look after look. Remembers where each id of the map is booked, as mostly neither ids nor plan change."""

    def __init__(self, *, rules: bool) -> None:
        """`rules`: whether each rule has a series."""
        self._each_rule = rules
        self._placed: tuple[object, ...] = ()
        self._policies: Sequence[int] = ()  # the place of each id, -1 for none
        self._rules: Sequence[int] = ()
        self._node_drops: Sequence[int] = ()

    def book(self, plan: EbpfPlan, former: EbpfPlan, rules: RuleGains, interfaces: InterfaceGains) -> Bookings:
        """What the series of the plan gained. `former` is that of the look before."""
        if self._placed != (plan, former, rules.ids):
            self._placed = plan, former, rules.ids
            self._place(plan, former, rules.ids)
        policies, node_drops = _summed(self._policies, rules.packets), _summed(self._node_drops, rules.packets)
        dropped: dict[int, int] = {}
        for drop, gained in drops(interfaces):
            if (place := plan.places.dropped.get(drop)) is not None:
                dropped[place] = gained
            elif (direction := plan.others.get((drop.interface, drop.hook))) is not None and drop.reason != POLICY:
                other = plan.places.node_drops[NodeDropKey(drop.reason, direction=direction)]
                node_drops[other] = node_drops.get(other, 0) + gained
        return Bookings(
            policies=policies,
            rules=_summed(self._rules, rules.packets),
            node_drops=node_drops,
            accepted={
                place: numbers[ACCEPTED]
                for key, numbers in interfaces.items()
                if numbers[ACCEPTED] and (place := plan.places.accepted.get(key)) is not None
            },
            dropped=dropped,
            exact=_exact(plan, former, policies, interfaces),
        )

    def _place(self, plan: EbpfPlan, former: EbpfPlan, ids: Sequence[int]) -> None:
        self._policies = [plan.policy_places.get(match_id, -1) for match_id in ids]
        self._node_drops = [plan.drop_places.get(match_id, -1) for match_id in ids]
        if self._each_rule:  # what counts another rule now is of neither
            before, now = former.counted, plan.counted
            self._rules = [
                plan.rule_places.get(match_id, -1) if before.get(match_id) == now.get(match_id) else -1
                for match_id in ids
            ]


def drops(interface_gains: InterfaceGains) -> Iterator[tuple[InterfaceDrop, int]]:
    """What interfaces dropped, by reason."""
    for (interface, hook), numbers in interface_gains.items():
        if numbers[DROPPED_BY_POLICY]:
            yield InterfaceDrop(interface, hook, POLICY), numbers[DROPPED_BY_POLICY]
        if any(numbers[DROPPED_BY_POLICY + 1 :]):
            for place, reason in _OTHER_DROPS.items():
                if place < len(numbers) and numbers[place]:
                    yield InterfaceDrop(interface, hook, reason), numbers[place]


def _summed(places: Sequence[int], packets: Sequence[int]) -> dict[int, int]:
    """Packets by the places that they are booked at."""
    if not places or not any(packets):
        return {}
    sums = [0] * (max(places) + 2)  # the last one is that of no place
    for place, gained in zip(compress(places, packets), compress(packets, packets), strict=True):
        sums[place] += gained
    del sums[-1]
    return dict(compress(enumerate(sums), sums))


def _exact(
    plan: EbpfPlan, former: EbpfPlan, policies: Gains, interface_gains: InterfaceGains
) -> Mapping[Metric, Gains]:
    def gained(proof: Proof) -> int:
        if isinstance(proof, PolicyVerdict):
            return policies.get(plan.places.policies.get(proof, -1), 0)
        numbers = interface_gains.get((proof.interface, WORKLOAD_HOOKS[proof.direction]))
        return numbers[ACCEPTED if proof.accepted else DROPPED_BY_POLICY] if numbers else 0

    found: dict[Metric, dict[int, int]] = {metric: {} for metric in plan.exact_labels}
    for key, proofs in plan.exact.items():
        before = proofs if plan is former else former.exact.get(key, ())
        proof = next((proof for proof in proofs if proof in before), None)
        if proof is not None and (packets := gained(proof)):
            found[key.metric][plan.places.exact[key]] = packets
    return found
