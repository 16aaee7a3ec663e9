"""Makes and keeps the plan of a node with the eBPF dataplane. No I/O; remembers what it planned."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import TypeVar

from otel_calico.attribution.accountant import workload_labels
from otel_calico.attribution.endpoint_chain import DEFAULT_TIER
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Verdict
from otel_calico.ebpf.counted import (
    NO_PROFILE_ACCEPTED,
    Counted,
    CountedEnd,
    CountedRule,
    PolicyVerdict,
    counted_by_id,
)
from otel_calico.ebpf.drop_reasons import POLICY
from otel_calico.ebpf.interfaces import Interfaces, interfaces_of
from otel_calico.ebpf.plan import EbpfPlan, ExactKey, InterfaceDrop, NodeDropKey, SeriesPlaces
from otel_calico.ebpf.proofs import Proof, ProvenWay, proven_ways
from otel_calico.ebpf.state import DebugFiles, EbpfState
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP
from otel_calico.series import Labels

_K = TypeVar("_K", bound=Hashable)


class EbpfPlanner:
    """Plans look after look. The plan is the same object where nothing it was made from changed."""

    def __init__(self, lookups: Lookups, choice: SeriesChoice) -> None:
        self._lookups = lookups
        self._choice = choice
        self._counted_from: tuple[object, ...] = ()
        self._counted: Mapping[int, Counted] = {}
        self._made_from: tuple[object, ...] = ()
        self._plan = EbpfPlan()

    def counted(self, state: EbpfState, found: Mapping[int, Counted]) -> Mapping[int, Counted]:
        """What each match id counts: as the programs tell or, where nobody can read those, as it was `found`.

        Without policy debug nothing is known: the map is frozen, or counts by ids that cannot be computed.
        """
        programs = tuple(state.programs.of.values())
        made_from = state.programs.files, programs, state.tells_ends, found
        if made_from != self._counted_from:
            self._counted_from = made_from
            match state.programs.files:
                case DebugFiles.READ:
                    self._counted = counted_by_id(programs, tells_ends=state.tells_ends)
                case DebugFiles.REMOVED:
                    self._counted = {}
                case DebugFiles.UNREADABLE:
                    self._counted = found
        return self._counted

    def plan(self, state: EbpfState, counted: Mapping[int, Counted], other_drops: Set[InterfaceDrop]) -> EbpfPlan:
        """The plan of this look. `other_drops` are those for other reasons than policy that ever happened."""
        never_counted = frozenset(counted.keys() - state.rules.keys()) if state.is_full else frozenset()
        places = [frozenset(counters) for counters in state.interfaces.values()]
        programs, version = state.programs, self._lookups.version
        made_from = (id(counted), never_counted, places, state.names, version, programs, frozenset(other_drops))
        if made_from != self._made_from:
            self._made_from = made_from
            self._plan = self._make(state, counted, never_counted, other_drops)
        return self._plan

    def _make(
        self, state: EbpfState, counted: Mapping[int, Counted], never_counted: Set[int], other_drops: Set[InterfaceDrop]
    ) -> EbpfPlan:
        interfaces = interfaces_of(state, self._lookups, self._choice)
        rules = [one for one in counted.values() if isinstance(one, CountedRule)]
        unsure = {one.decides for match_id in never_counted if isinstance(one := counted[match_id], CountedRule)}
        exact = dict(self._exact(interfaces, proven_ways(state.programs), unsure))
        policies = {rule.decides: _verdict_labels(rule.decides) for rule in rules if rule.decides not in unsure}
        of_rules = {
            (rule.decides, rule.index): {**_verdict_labels(rule.decides), "calico.rule.index": str(rule.index)}
            for match_id, rule in counted.items()
            if isinstance(rule, CountedRule) and match_id not in never_counted
        }
        exact_labels = {
            metric: {key: labels for key, (labels, _) in exact.items() if key.metric is metric}
            for metric in (NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP)
        }
        node_drops = dict(_node_drops(counted, never_counted, interfaces, other_drops))
        dropped = dict(_interface_drops(interfaces, other_drops))
        places = SeriesPlaces(
            policies=_numbered(policies),
            rules=_numbered(of_rules),
            node_drops=_numbered(node_drops),
            accepted=_numbered(interfaces.labels),
            dropped=_numbered(dropped),
            exact={key: place for of_metric in exact_labels.values() for key, place in _numbered(of_metric).items()},
        )
        return EbpfPlan(
            counted=counted,
            policies=policies,
            rules=of_rules,
            node_drops=node_drops,
            others=interfaces.others,
            accepted=interfaces.labels,
            dropped=dropped,
            exact={key: proofs for key, (_, proofs) in exact.items()},
            exact_labels=exact_labels,
            interfaces_without_workload=interfaces.without_workload,
            places=places,
            policy_places=_places_of(counted, lambda one: places.policies.get(one.decides)),
            rule_places=_places_of(
                counted, lambda one: places.rules.get((one.decides, one.index)) if one.text is not None else None
            ),
            drop_places={
                match_id: place
                for match_id, one in counted.items()
                if (drop := _node_drop(one)) and (place := places.node_drops.get(drop)) is not None
            },
        )

    def _exact(
        self, interfaces: Interfaces, ways: Mapping[tuple[str, Direction], ProvenWay], unsure: Set[PolicyVerdict]
    ) -> Iterator[tuple[ExactKey, tuple[Labels, Sequence[Proof]]]]:
        """The series of family `accountant` that are proven, with their labels and proofs."""
        for place, workload in interfaces.workloads.items():
            way = ways.get(place)
            if way is None:
                continue
            common = workload_labels(workload, self._choice.app_labels)
            for tier, proofs in way.ends.items():
                labels = common if tier == DEFAULT_TIER else {**common, "tier": tier}
                yield ExactKey(NO_POLICY_DROP, *place, tier), (labels, proofs)
            for metric, proven in ((POLICY_ACCEPT, way.accepted), (POLICY_ACCEPT_DROP, way.denied)):
                for policy, proofs in proven.items():
                    if sure := [proof for proof in proofs if proof not in unsure]:
                        labels = {**common, "policy": policy.name}
                        yield ExactKey(metric, *place, policy.name), (labels, sure)


def _verdict_labels(decides: PolicyVerdict) -> Labels:
    return {**decides.policy.attributes(decides.direction), "calico.verdict": decides.verdict.value}


def _numbered(keys: Iterable[_K]) -> Mapping[_K, int]:
    return {key: place for place, key in enumerate(keys)}


def _places_of(counted: Mapping[int, Counted], place_of: Callable[[CountedRule], int | None]) -> Mapping[int, int]:
    """The places of the rules that ids count."""
    return {
        match_id: place
        for match_id, one in counted.items()
        if isinstance(one, CountedRule) and (place := place_of(one)) is not None
    }


def _node_drop(one: Counted) -> NodeDropKey | None:
    """What it counts of what the node dropped."""
    if one is NO_PROFILE_ACCEPTED:
        return NodeDropKey("no_profile")
    if isinstance(one, CountedEnd) and one.verdict is Verdict.DENY:
        return NodeDropKey("end_of_tier", one.tier, one.direction)
    return None


def _node_drops(
    counted: Mapping[int, Counted], never_counted: Set[int], interfaces: Interfaces, other_drops: Set[InterfaceDrop]
) -> Iterator[tuple[NodeDropKey, Labels]]:
    for match_id, one in counted.items():
        if match_id not in never_counted and (of_node := _node_drop(one)):
            way = {"calico.direction": of_node.direction.value} if of_node.direction else {}
            tier = {"calico.tier": of_node.tier} if of_node.tier else {}
            yield of_node, {"reason": of_node.reason, **tier, **way}
    for drop in sorted(other_drops, key=lambda drop: (drop.reason, drop.hook)):
        if (direction := interfaces.others.get((drop.interface, drop.hook))) is not None:
            labels = {"reason": drop.reason, "calico.direction": direction.value}
            yield NodeDropKey(drop.reason, direction=direction), labels


def _interface_drops(interfaces: Interfaces, other_drops: Set[InterfaceDrop]) -> Iterator[tuple[InterfaceDrop, Labels]]:
    """By policy always; for other reasons once it happened, as nearly none of them ever does."""
    reasons: dict[tuple[str, int], list[str]] = {}
    for drop in sorted(other_drops, key=lambda drop: drop.reason):
        reasons.setdefault((drop.interface, drop.hook), []).append(drop.reason)
    for place, labels in interfaces.labels.items():
        for reason in (POLICY, *reasons.get(place, ())):
            yield InterfaceDrop(*place, reason), {**labels, "reason": reason}
