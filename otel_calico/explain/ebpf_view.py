"""The endpoints, paths and policies of a node with the eBPF dataplane, read from its programs.

Rules count for the whole node, interfaces for their endpoint: each number says which of both it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from otel_calico.calico.chains import ALL_INTERFACES
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, IPVersion, Verdict
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROP_REASONS, DROPPED_BY_POLICY
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.look import EbpfLook
from otel_calico.ebpf.map_entries import Hook
from otel_calico.ebpf.match_ids import NO_PROFILE
from otel_calico.ebpf.plan import ExactKey
from otel_calico.ebpf.program import Program, ProgramKey, ProgramPolicy, ProgramTier
from otel_calico.ebpf.proofs import Proof
from otel_calico.explain.counts import Trust
from otel_calico.explain.ebpf_counts import EbpfCounts
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import (
    DropStep,
    EndpointPath,
    EndpointTraffic,
    InterfaceTotals,
    PolicyStep,
    PolicyTotals,
    ProfileStep,
    RuleTotals,
    TierStep,
)
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP
from otel_calico.scanning.scan import Scan

_HOST_HOOKS = {Direction.INGRESS: Hook.TC_INGRESS, Direction.EGRESS: Hook.TC_EGRESS}
_HOST_TRAFFIC = "local and forwarded"
_UNTRACKED = "untracked"


class EbpfView(NodeView):
    """What a scan of programs and maps shows."""

    def __init__(
        self, scan: Scan, look: EbpfLook, lookups: Lookups, former: Scan | None, interface_prefix: str
    ) -> None:
        super().__init__(scan, lookups, former, interface_prefix)
        self._look = look
        self._counts = EbpfCounts(look, former.ebpf if former else None)

    @cached_property
    def endpoints(self) -> Sequence[EndpointTraffic]:
        """Every endpoint and direction that has a program, or counts and is a workload's."""
        keys = dict.fromkeys(_without_version(key) for key in self._look.state.programs.of)
        for interface, direction in self._counting_workloads():
            keys.setdefault(_without_version(ProgramKey(interface, direction, IPVersion.V4)))
        found = [self._of_program(*key) for key in keys]
        return sorted(found, key=lambda one: (one.name, one.interface, one.direction is Direction.EGRESS, one.traffic))

    def path(self, endpoint: EndpointTraffic) -> EndpointPath:
        """The way of a packet through one program of `endpoints`."""
        program = self._program(endpoint)
        tiers = program.all_tiers if program else ()
        host = len(program.host_tiers) if program else 0
        return EndpointPath(
            endpoint=endpoint,
            established=None,
            tiers=tuple(self._tier(tier, endpoint, is_host=place < host) for place, tier in enumerate(tiers)),
            profiles=tuple(self._profiles(program)) if program else (),
            drops=tuple(self._drops(endpoint, program)),
            totals=self._totals(endpoint),
        )

    @cached_property
    def policies(self) -> Sequence[PolicyTotals]:
        """Every policy of the node, by name and direction."""
        found = {
            (policy.name, policy.direction): policy
            for program in self._look.state.programs.of.values()
            if not program.key.is_xdp
            for policy in program.policies()
        }
        totals = (self._policy_totals(policy) for policy in found.values())
        return sorted(totals, key=lambda policy: (policy.name, policy.direction.value))

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Programs have no groups."""
        return {}

    def endpoints_of(self, policy: PolicyTotals) -> Iterator[EndpointTraffic]:
        """The endpoints whose packets meet the policy."""
        for endpoint in self.endpoints:
            program = self._program(endpoint)
            if program and any(
                (one.name.name, one.direction) == (policy.name, policy.direction) for one in program.policies()
            ):
                yield endpoint

    def _counting_workloads(self) -> Iterator[tuple[str, Direction]]:
        for interface in self._look.state.names.values():
            if self._lookups.endpoint(interface):
                yield from ((interface, direction) for direction in Direction)

    def _of_program(self, interface: str, direction: Direction, is_xdp: bool) -> EndpointTraffic:  # noqa: FBT001 - as in ProgramKey
        if workload := self._lookups.endpoint(interface):
            names = (workload.namespace, workload.pod, workload.workload)
            return EndpointTraffic("", interface, direction, None, *names)
        program = self._programs.get((interface, direction, is_xdp))
        if not (is_xdp or (program and program.is_host)):
            return EndpointTraffic("", interface, direction, None)
        host = self._lookups.host_endpoint(interface) or self._lookups.host_endpoint(ALL_INTERFACES)
        traffic = _UNTRACKED if is_xdp else _HOST_TRAFFIC
        name = host.name if host else ""
        return EndpointTraffic("", interface, direction, None, host_endpoint=name, traffic=traffic)

    @cached_property
    def _programs(self) -> Mapping[tuple[str, Direction, bool], Program]:
        """Of both IP versions, whose tiers are the same, that of IPv4 if there is one."""
        programs = sorted(self._look.state.programs.of.values(), key=lambda one: -one.key.ip_version)
        return {_without_version(program.key): program for program in programs}

    def _program(self, endpoint: EndpointTraffic) -> Program | None:
        return self._programs.get((endpoint.interface, endpoint.direction, endpoint.traffic == _UNTRACKED))

    def _hook(self, endpoint: EndpointTraffic) -> int:
        if endpoint.traffic == _UNTRACKED:
            return Hook.XDP
        return (_HOST_HOOKS if endpoint.traffic else WORKLOAD_HOOKS)[endpoint.direction]

    def _totals(self, endpoint: EndpointTraffic) -> InterfaceTotals:
        place = endpoint.interface, self._hook(endpoint)
        return InterfaceTotals(
            self._counts.interface(*place, ACCEPTED),
            self._counts.interface(*place, DROPPED_BY_POLICY),
            next(self._only_drop(endpoint), ""),
        )

    @cached_property
    def _exact(self) -> Mapping[tuple[str, Direction], Sequence[tuple[ExactKey, Sequence[Proof]]]]:
        """What is proven, by interface and direction."""
        found: dict[tuple[str, Direction], list[tuple[ExactKey, Sequence[Proof]]]] = {}
        for key, proofs in self._look.plan.exact.items():
            found.setdefault((key.interface, key.direction), []).append((key, proofs))
        return found

    def _only_drop(self, endpoint: EndpointTraffic) -> Iterator[str]:
        """What alone can drop there, as the end of a sentence."""
        for key, proofs in self._exact.get((endpoint.interface, endpoint.direction), ()):
            of_interface = any(not isinstance(proof, PolicyVerdict) for proof in proofs)
            if key.metric is NO_POLICY_DROP:
                yield f"at the end of tier {key.what}, where no policy accepted them"
            elif key.metric is POLICY_ACCEPT_DROP and of_interface:
                yield f"by policy {key.what}"
        if endpoint.traffic == _UNTRACKED:
            yield "by doNotTrack policy"
        program = self._program(endpoint)
        if program and program.has_no_profile and not program.all_tiers:
            yield "because no profile accepted them"

    def _tier(self, tier: ProgramTier, endpoint: EndpointTraffic, *, is_host: bool) -> TierStep:
        end = tier.end if tier.end and tier.end.verdict is not Verdict.PASS else None
        proven = self._counts.exact(NO_POLICY_DROP, endpoint.interface, endpoint.direction, tier.name)
        counted = end is not None and end.match_id != NO_PROFILE and endpoint.traffic != _UNTRACKED
        dropped = proven or (self._counts.ids([end.match_id]) if end and counted else None)
        name = f"{tier.name} (host endpoint, before the workload's)" if is_host and not endpoint.traffic else tier.name
        return TierStep(
            name=name,
            policies=tuple(self._policy(policy, endpoint) for policy in tier.policies),
            dropped=dropped,
            left=None,
            drops_untold=end is not None and dropped is None,
        )

    def _policy(self, policy: ProgramPolicy, endpoint: EndpointTraffic) -> PolicyStep:
        where = endpoint.interface, endpoint.direction, policy.name.name
        own = policy.direction is endpoint.direction
        return PolicyStep(
            name=policy.name.name,
            chain="",
            is_group=False,
            members=(self._policy_totals(policy),) if endpoint.traffic != _UNTRACKED else (),
            entered=None,
            accepted=self._counts.exact(POLICY_ACCEPT, *where) if own else None,
            denied=self._counts.exact(POLICY_ACCEPT_DROP, *where) if own else None,
            passed=None,
            denied_or_passed=None,
        )

    def _policy_totals(self, policy: ProgramPolicy) -> PolicyTotals:
        verdicts = {rule.verdict for rule in policy.rules}
        name = policy.name
        return PolicyTotals(
            name=name.name,
            kind=name.kind.value,
            namespace=name.namespace,
            tier=name.tier,
            chain="",
            direction=policy.direction,
            ip_version=None,
            verdicts={
                verdict: self._counts.decided(PolicyVerdict(name, policy.direction, verdict))
                for verdict in Verdict
                if verdict in verdicts
            },
            rules=tuple(
                RuleTotals(rule.index, rule.verdict, self._counts.ids([rule.match_id]))
                for rule in policy.rules
                if rule.verdict is not None
            ),
        )

    def _profiles(self, program: Program) -> Iterator[ProfileStep]:
        for profile in program.profiles:
            allows, denies = (
                [rule.match_id for rule in profile.rules if rule.is_reached and rule.verdict is verdict]
                for verdict in (Verdict.ALLOW, Verdict.DENY)
            )
            if allows or denies:
                denied = self._counts.ids(denies) if denies else None
                yield ProfileStep(profile.name, "", None, self._counts.ids(allows), denied)

    def _drops(self, endpoint: EndpointTraffic, program: Program | None) -> Iterator[DropStep]:
        """What else dropped packets of the interface, and those of the node that no profile accepted."""
        if program and program.has_no_profile and self._look.state.tells_ends:
            yield DropStep("no_profile", "", self._counts.ids([NO_PROFILE]))
        for place, reason in DROP_REASONS.items():
            count = self._counts.interface(endpoint.interface, self._hook(endpoint), place, Trust.EXACT)
            if place != DROPPED_BY_POLICY and count.total.packets:
                yield DropStep(reason, "", count)


def _without_version(key: ProgramKey) -> tuple[str, Direction, bool]:
    return key.interface, key.direction, key.is_xdp
