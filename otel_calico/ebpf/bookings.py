"""From what counters gained to what series gain.

A match id says policy, verdict and place. Which rule that is, and what proves a workload's number, may have changed
between two looks: what both plans say alike is booked, the rest is nobody's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from otel_calico.accounting.since_start import Gains
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROP_REASONS, DROPPED_BY_POLICY, POLICY
from otel_calico.ebpf.gains import InterfaceGains
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.plan import EbpfPlan, InterfaceDrop, NodeDropKey
from otel_calico.ebpf.proofs import Proof
from otel_calico.metrics import Metric

_K = TypeVar("_K", bound=Hashable)

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


def bookings(
    plan: EbpfPlan, former: EbpfPlan, rule_gains: Mapping[int, int], interface_gains: InterfaceGains, *, rules: bool
) -> Bookings:
    """What the series of the plan gained. `former` is that of the look before; `rules`: whether each rule has one."""
    rule_places: Mapping[int, int] = {}
    if rules:
        rule_places = plan.rule_places if plan is former else _same_rules(plan, former, rule_gains)
    policies = _at(plan.policy_places, rule_gains)
    node_drops = _at(plan.drop_places, rule_gains)
    dropped: dict[int, int] = {}
    for drop, gained in drops(interface_gains):
        if (place := plan.places.dropped.get(drop)) is not None:
            dropped[place] = gained
        elif (direction := plan.others.get((drop.interface, drop.hook))) is not None and drop.reason != POLICY:
            other = plan.places.node_drops[NodeDropKey(drop.reason, direction=direction)]
            node_drops[other] = node_drops.get(other, 0) + gained
    accepted = {place: numbers[ACCEPTED] for place, numbers in interface_gains.items() if numbers[ACCEPTED]}
    return Bookings(
        policies=policies,
        rules=_at(rule_places, rule_gains),
        node_drops=node_drops,
        accepted=_at(plan.places.accepted, accepted),
        dropped=dropped,
        exact=_exact(plan, former, policies, interface_gains) if rule_gains or interface_gains else {},
    )


def drops(interface_gains: InterfaceGains) -> Iterator[tuple[InterfaceDrop, int]]:
    """What interfaces dropped, by reason."""
    for (interface, hook), numbers in interface_gains.items():
        if numbers[DROPPED_BY_POLICY]:
            yield InterfaceDrop(interface, hook, POLICY), numbers[DROPPED_BY_POLICY]
        if any(numbers[DROPPED_BY_POLICY + 1 :]):
            for place, reason in _OTHER_DROPS.items():
                if place < len(numbers) and numbers[place]:
                    yield InterfaceDrop(interface, hook, reason), numbers[place]


def _at(places: Mapping[_K, int], gains: Mapping[_K, int]) -> dict[int, int]:
    """Gains by the places that their keys have; those without a place are of no series."""
    if len(places) < len(gains):
        gains = {key: gains[key] for key in places.keys() & gains.keys()}
    found: dict[int, int] = {}
    for place, gained in zip(map(places.get, gains), gains.values(), strict=True):
        if place is not None:
            found[place] = found[place] + gained if place in found else gained
    return found


def _same_rules(plan: EbpfPlan, former: EbpfPlan, match_ids: Iterable[int]) -> Mapping[int, int]:
    """SeriesPlaces of the ids that count the same rule as before."""
    return {
        match_id: place
        for match_id in match_ids
        if (place := plan.rule_places.get(match_id)) is not None
        and former.counted.get(match_id) == plan.counted[match_id]
    }


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
