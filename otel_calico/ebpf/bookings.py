"""From what counters gained to what series gain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from otel_calico.calico.model import Verdict
from otel_calico.ebpf.counted import NO_PROFILE_ACCEPTED, Counted, CountedEnd, CountedRule, PolicyVerdict
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROP_REASONS, DROPPED_BY_POLICY, POLICY
from otel_calico.ebpf.gains import InterfaceGains
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.plan import EbpfPlan, ExactKey, InterfaceDrop, NodeDrop, RuleKey
from otel_calico.ebpf.proofs import Proof


@dataclass(frozen=True, slots=True)
class Bookings:
    """What series gained since the look before, by what feeds them."""

    policies: Mapping[PolicyVerdict, int] = field(default_factory=dict)
    rules: Mapping[RuleKey, int] = field(default_factory=dict)
    node_drops: Mapping[NodeDrop, int] = field(default_factory=dict)
    accepted: Mapping[tuple[str, int], int] = field(default_factory=dict)
    dropped: Mapping[InterfaceDrop, int] = field(default_factory=dict)
    exact: Mapping[ExactKey, int] = field(default_factory=dict)


def bookings(
    plan: EbpfPlan, former: EbpfPlan, rule_gains: Mapping[int, int], interface_gains: InterfaceGains
) -> Bookings:
    """What the series of the plan gained. `former` is the plan of the look before.

    A match id says policy, verdict and place. Which rule that is, and what proves a workload's number, may have changed
    between the looks: what both plans say alike is booked, the rest is nobody's.
    """
    policies: Counter[PolicyVerdict] = Counter()
    rules: Counter[RuleKey] = Counter()
    node_drops: Counter[NodeDrop] = Counter()
    for match_id, gained in rule_gains.items():
        counted = plan.counted[match_id]
        if isinstance(counted, CountedRule):
            policies[counted.decides] += gained
            if _is_same_rule(counted, former.counted.get(match_id)):
                rules[counted.decides, counted.index] += gained
        elif isinstance(counted, CountedEnd) and counted.verdict is Verdict.DENY:
            node_drops[NodeDrop("end_of_tier", counted.tier, counted.direction)] += gained
        elif counted is NO_PROFILE_ACCEPTED:
            node_drops[NodeDrop("no_profile")] += gained
    dropped = dict(drops(interface_gains))
    for drop, gained in dropped.items():
        if (direction := plan.others.get((drop.interface, drop.hook))) is not None and drop.reason != POLICY:
            node_drops[NodeDrop(drop.reason, direction=direction)] += gained
    return Bookings(
        policies=policies,
        rules=rules,
        node_drops=node_drops,
        accepted={place: numbers[ACCEPTED] for place, numbers in interface_gains.items()},
        dropped=dropped,
        exact=dict(_exact(plan, former, policies, interface_gains)),
    )


def drops(interface_gains: InterfaceGains) -> Iterator[tuple[InterfaceDrop, int]]:
    """What interfaces dropped, by reason."""
    for (interface, hook), numbers in interface_gains.items():
        for place, reason in DROP_REASONS.items():
            if place < len(numbers) and numbers[place]:
                yield InterfaceDrop(interface, hook, reason), numbers[place]


def _is_same_rule(counted: CountedRule, former: Counted | None) -> bool:
    return counted.text is not None and counted == former


def _exact(
    plan: EbpfPlan, former: EbpfPlan, policies: Mapping[PolicyVerdict, int], interface_gains: InterfaceGains
) -> Iterator[tuple[ExactKey, int]]:
    def gained(proof: Proof) -> int:
        if isinstance(proof, PolicyVerdict):
            return policies.get(proof, 0)
        numbers = interface_gains.get((proof.interface, WORKLOAD_HOOKS[proof.direction]))
        return numbers[ACCEPTED if proof.accepted else DROPPED_BY_POLICY] if numbers else 0

    if not policies and not interface_gains:
        return
    for key, proofs in plan.exact.items():
        proof = next((proof for proof in proofs if proof in former.exact.get(key, ())), None)
        if proof is not None and (packets := gained(proof)):
            yield key, packets
