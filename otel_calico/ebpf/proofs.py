"""Which numbers of one workload the eBPF dataplane proves, though its rules count for the whole node.

Two ways. The interface counts all that policy dropped, and all that it accepted: that is one policy's, or one tier's,
where nothing else can drop or accept there. And the node counts each policy: that is one interface's, where the policy
is on no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.calico.model import Direction, IPVersion, Verdict
from otel_calico.calico.policy_names import PolicyName
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.program import Program, ProgramProfile, ProgramTier
from otel_calico.ebpf.state import Programs


@dataclass(frozen=True, slots=True)
class TierEndPoint:
    """Packets end here because no policy of a tier decided them."""

    tier: str


@dataclass(frozen=True, slots=True)
class OtherPoint:
    """Packets end here for another reason: a profile, none, a host endpoint's policy, or nobody knows."""


Point = PolicyName | TierEndPoint | OtherPoint


@dataclass(frozen=True, slots=True)
class OfInterface:
    """Proven by the counters of an interface: of its traffic in this direction that was accepted, or dropped."""

    interface: str
    direction: Direction
    accepted: bool


Proof = OfInterface | PolicyVerdict


@dataclass(frozen=True, slots=True)
class WorkloadWay:
    """The programs of one interface in one direction, all IP versions together."""

    interface: str
    direction: Direction
    policies: frozenset[PolicyName]
    drops: frozenset[Point]
    accepts: frozenset[Point]


@dataclass(frozen=True, slots=True)
class ProvenWay:
    """What of a workload's traffic in one direction is proven, each by one or several numbers."""

    ends: Mapping[str, Sequence[Proof]] = field(default_factory=dict)  # dropped at the end of a tier
    accepted: Mapping[PolicyName, Sequence[Proof]] = field(default_factory=dict)
    denied: Mapping[PolicyName, Sequence[Proof]] = field(default_factory=dict)


def proven_ways(programs: Programs) -> Mapping[tuple[str, Direction], ProvenWay]:
    """What is proven of each workload's interface and direction."""
    interfaces_of = _interfaces_of(programs)
    sole_users_known = not programs.incomplete
    return {
        (way.interface, way.direction): _proven(way, interfaces_of if sole_users_known else {})
        for way in workload_ways(programs.of.values())
    }


def workload_ways(programs: Iterable[Program]) -> Sequence[WorkloadWay]:
    """The ways of workloads whose programs are all known and loaded."""
    by_way: dict[tuple[str, Direction], list[Program]] = {}
    versions: set[IPVersion] = set()
    for program in programs:
        versions.add(program.key.ip_version)
        if not program.is_host and not program.key.is_xdp:
            by_way.setdefault((program.key.interface, program.key.direction), []).append(program)
    return [
        _way(interface, direction, found)
        for (interface, direction), found in by_way.items()
        if {program.key.ip_version for program in found} == versions and not any(program.error for program in found)
    ]


def _way(interface: str, direction: Direction, programs: Sequence[Program]) -> WorkloadWay:
    return WorkloadWay(
        interface,
        direction,
        policies=frozenset(policy.name for one in programs for tier in one.tiers for policy in tier.policies),
        drops=frozenset(point for one in programs for point in _drops(one)),
        accepts=frozenset(point for one in programs for point in _accepts(one)),
    )


def _drops(program: Program) -> Iterable[Point]:
    """Where a packet may end that policy drops."""
    for tier in program.host_tiers:
        if _denying(tier) or _ends(tier, Verdict.DENY):
            yield OtherPoint()
    for tier in program.tiers:
        yield from _denying(tier)
        if _ends(tier, Verdict.DENY):
            known = tier.end is not None and tier.end.verdict is not None
            yield TierEndPoint(tier.name) if known else OtherPoint()
    if program.has_no_profile or _decides(program.profiles, Verdict.DENY):
        yield OtherPoint()


def _accepts(program: Program) -> Iterable[Point]:
    """Where a packet may end that policy accepts."""
    for tier in program.tiers:
        yield from _deciding(tier, Verdict.ALLOW)
    if _decides(program.profiles, Verdict.ALLOW):
        yield OtherPoint()


def _denying(tier: ProgramTier) -> Sequence[PolicyName]:
    return _deciding(tier, Verdict.DENY)


def _deciding(tier: ProgramTier, verdict: Verdict) -> Sequence[PolicyName]:
    return [
        policy.name
        for policy in tier.policies
        if any(rule.is_reached and rule.verdict is verdict for rule in policy.rules)
    ]


def _ends(tier: ProgramTier, verdict: Verdict) -> bool:
    """Whether its end may do this: where nothing tells what it does, it may."""
    return tier.end is not None and tier.end.verdict in {verdict, None}


def _decides(profiles: Iterable[ProgramProfile], verdict: Verdict) -> bool:
    return any(rule.is_reached and rule.verdict is verdict for profile in profiles for rule in profile.rules)


_Users = Mapping[tuple[PolicyName, Direction], frozenset[tuple[str, bool]]]


def _interfaces_of(programs: Programs) -> _Users:
    """Where each policy is: interfaces, each with whether it is a workload's own policy there."""
    found: dict[tuple[PolicyName, Direction], set[tuple[str, bool]]] = {}
    for program in (*programs.of.values(), *programs.of_gone):
        for tiers, own in ((program.host_tiers, False), (program.tiers, not program.is_host)):
            for policy in (policy for tier in tiers for policy in tier.policies):
                found.setdefault((policy.name, policy.direction), set()).add((program.key.interface, own))
    return {key: frozenset(places) for key, places in found.items()}


def _proven(way: WorkloadWay, users: _Users) -> ProvenWay:
    def proofs(policy: PolicyName, verdict: Verdict, points: frozenset[Point]) -> Sequence[Proof]:
        found: list[Proof] = []
        if points == {policy}:
            found.append(OfInterface(way.interface, way.direction, accepted=verdict is Verdict.ALLOW))
        if users.get((policy, way.direction)) == frozenset({(way.interface, True)}):
            found.append(PolicyVerdict(policy, way.direction, verdict))
        return found

    def proven(verdict: Verdict, points: frozenset[Point]) -> Mapping[PolicyName, Sequence[Proof]]:
        decided = sorted((one for one in points if isinstance(one, PolicyName)), key=lambda policy: policy.name)
        return {policy: given for policy in decided if (given := proofs(policy, verdict, points))}

    ends = [point.tier for point in way.drops if isinstance(point, TierEndPoint)]
    only_end = {tier: (OfInterface(way.interface, way.direction, accepted=False),) for tier in ends}
    return ProvenWay(
        ends=only_end if len(way.drops) == 1 else {},
        accepted=proven(Verdict.ALLOW, way.accepts),
        denied=proven(Verdict.DENY, way.drops),
    )
