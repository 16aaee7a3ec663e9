"""Chains to and from a workload (`endpointIptablesChain` in `felix/rules/endpoints.go`)."""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.calico.chains import WORKLOAD_PREFIXES, chain_name
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import nflog, parts
from tests.felix.description import Action, Endpoint, Node, PacketRate
from tests.felix.eras import Era
from tests.felix.groups import PolicyGroup, tiers
from tests.felix.policy_chains import profile_chain_name
from tests.felix.rule import Chain, Rule

_UDP, _IPIP, _VXLAN_PORT = 17, 4, 4789


def endpoint_chain(node: Node, endpoint: Endpoint, direction: Direction, ip_version: IPVersion) -> Chain:
    """All rules for one way of an endpoint's traffic."""
    name = chain_name(WORKLOAD_PREFIXES[direction], endpoint.interface)
    return Chain(name, tuple(EndpointRules(node, endpoint, direction, ip_version).all()))


class EndpointRules:
    """Writes the parts of an endpoint chain in their order."""

    ends_tiers = True

    def __init__(self, node: Node, endpoint: Endpoint, direction: Direction, ip_version: IPVersion) -> None:
        self.node = node
        self.endpoint = endpoint
        self.direction = direction
        self.marks = node.marks
        self.deny = parts.deny(node.deny_action, ip_version)
        self.accepted = parts.mark_set(self.marks.accept)
        self.not_passed = parts.mark_clear(self.marks.pass_on)

    def all(self) -> Iterator[Rule]:
        if not self.endpoint.admin_up:
            yield Rule(self.deny, (), ("Endpoint admin disabled",))
            return
        if self.endpoint.packet_rate and self.node.era >= Era.D:
            yield from self.packet_rate(self.endpoint.packet_rate)
        yield from self.conntrack()
        yield Rule(parts.clear_mark(self.marks.accept | (self.marks.pass_on if self.node.era >= Era.B else 0)))
        if self.direction is Direction.EGRESS:
            yield from self.encapsulation()
        for tier, groups in tiers(self.node, self.endpoint.policies(self.direction), self.direction):
            yield from self.tier(tier, groups)
        yield from self.profiles()

    def packet_rate(self, rate: PacketRate) -> Iterator[Rule]:
        word, bit = self.direction.value, self.marks.scratch0
        clear = Rule(parts.clear_mark(bit), (), (f"Clear {word} packet rate limit mark",))
        limit = parts.limited_mark(rate.per_second, rate.burst, bit)
        yield clear
        yield Rule(limit, (), (f"Mark packets within {word} packet rate limit",))
        yield Rule(parts.DROP, (parts.mark_not_set(bit),), (f"Drop packets over {word} packet rate limit",))
        yield clear

    def conntrack(self) -> Iterator[Rule]:
        known = parts.conntrack_state("RELATED,ESTABLISHED")
        if self.node.allow_action == "RETURN":
            yield Rule(parts.set_mark(self.marks.accept), (known,))
        yield Rule(parts.allow(self.node.allow_action), (known,))
        yield Rule(self.deny, (parts.conntrack_state("INVALID"),))

    def encapsulation(self) -> Iterator[Rule]:
        word = self.node.deny_word
        vxlan = (parts.protocol(_UDP), parts.destination_ports(_VXLAN_PORT))
        yield Rule(self.deny, vxlan, (f"{word} VXLAN encapped packets originating in workloads",))
        yield Rule(self.deny, (parts.protocol(_IPIP),), (f"{word} IPinIP encapped packets originating in workloads",))

    def tier(self, tier: str, groups: list[PolicyGroup]) -> Iterator[Rule]:
        if self.node.era < Era.B:
            yield Rule(parts.clear_mark(self.marks.pass_on), (), ("Start of policies",))
        elif self.node.era >= Era.C:
            yield Rule(parts.clear_mark(self.marks.pass_on), (), (f"Start of tier {tier}",))
        for group in groups:
            for target in group.targets(self.node):
                yield Rule(parts.jump(target), (self.not_passed,))
                yield from self.return_if_accepted()
        if self.ends_tiers:
            yield from self.end_of_tier(tier, groups)

    def return_if_accepted(self) -> Iterator[Rule]:
        yield Rule(parts.RETURN, (self.accepted,), ("Return if policy accepted",))

    def end_of_tier(self, tier: str, groups: list[PolicyGroup]) -> Iterator[Rule]:
        drops = tier not in self.node.pass_tiers and any(group.programmed for group in groups)
        if self.node.flow_logs:
            action = Action.DENY if drops else Action.PASS
            yield self.nflog(nflog.end_of_tier_prefix(action, self.direction, tier), unpassed=True)
        if drops:
            comment = f"{self.node.deny_word} if no policies passed packet"
            if self.node.era >= Era.D:
                comment = f"End of tier {tier}. {comment}"
            yield Rule(self.deny, (self.not_passed,), (comment,))

    def profiles(self) -> Iterator[Rule]:
        for profile in self.endpoint.profiles:
            yield Rule(parts.jump(profile_chain_name(profile, self.direction, self.node.longest_policy_chain)))
            yield Rule(parts.RETURN, (self.accepted,), ("Return if profile accepted",))
        if self.node.flow_logs:
            yield self.nflog(nflog.no_profile_prefix(self.direction), unpassed=False)
        yield Rule(self.deny, (), (f"{self.node.deny_word} if no profiles matched",))

    def nflog(self, prefix: str, *, unpassed: bool) -> Rule:
        return Rule(parts.nflog(nflog.GROUPS[self.direction], prefix), (self.not_passed,) if unpassed else ())
