"""What policies say, applied to packets one by one: the truth that published series are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from otel_calico.calico.model import Direction, PolicyKind
from tests.felix import Action, Endpoint, Node, Policy
from tests.felix.groups import PolicyGroup, tiers
from tests.felix.kernel import Packet

VERDICTS = {Action.ALLOW: "allow", Action.DENY: "deny", Action.PASS: "pass"}
KNP = PolicyKind.KUBERNETES_NETWORK_POLICY


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a pod's traffic."""

    pod: str
    direction: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict of a policy on one way of a pod's traffic; of a group, if the policy is its members joined."""

    way: Way
    tier: str
    policy: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Who decided: the policy, and the group it was reached through (itself, if it was inlined)."""

    group: PolicyGroup
    policy: Policy
    decision: Decision


@dataclass
class Truth:
    """Packets by what happened to them, since the start."""

    policies: Counter[Decision] = field(default_factory=Counter)
    groups: Counter[Decision] = field(default_factory=Counter)  # the same by group
    unmatched: Counter[tuple[Way, str]] = field(default_factory=Counter)  # dropped at the end of a tier
    recent: dict[tuple[str, str], Counter[tuple[Way, str]]] = field(default_factory=dict)
    """What policies decided since it was emptied: ways and policies, by direction and group."""

    def send(self, node: Node, packet: Packet, times: int) -> None:
        """Judge equal packets by what the policies say, not by the rules made of them."""
        endpoint = endpoint_of(node, packet.interface)
        way = Way(f"pod-{packet.interface}", packet.direction.value)
        for tier, groups in tiers(node, endpoint.policies(packet.direction), packet.direction):
            decided = next(_decisions(tier, groups, packet, way), None)
            if decided is None:
                if tier not in node.pass_tiers and any(group.programmed for group in groups):
                    self.unmatched[way, tier] += times
                    return
                continue
            self._book(decided, times)
            if decided.decision.verdict != "pass":
                return

    def _book(self, decided: Decided, times: int) -> None:
        own = decided.decision
        self.policies[own] += times
        self.groups[Decision(own.way, own.tier, joined(decided.group), own.verdict)] += times
        recent = self.recent.setdefault((own.way.direction, joined(decided.group)), Counter())
        recent[own.way, own.policy] += times


def endpoint_of(node: Node, interface: str) -> Endpoint:
    """The endpoint behind an interface."""
    return next(endpoint for endpoint in node.endpoints if endpoint.interface == interface)


def canonical(policy: Policy) -> str:
    """The policy's name in series."""
    return f"{policy.namespace}/knp.default.{policy.name}" if policy.kind is KNP else policy.name


def joined(group: PolicyGroup) -> str:
    """The group's name in series."""
    return ",".join(map(canonical, group.programmed))


def groups_of(node: Node) -> Iterator[tuple[Endpoint, Direction, PolicyGroup]]:
    """Every use of a group."""
    for endpoint in node.endpoints:
        for direction in Direction:
            for _, groups in tiers(node, endpoint.policies(direction), direction):
                yield from ((endpoint, direction, group) for group in groups if group.programmed)


def _decisions(tier: str, groups: Iterable[PolicyGroup], packet: Packet, way: Way) -> Iterator[Decided]:
    for group in groups:
        for policy in group.programmed:
            for rule in policy.rules(packet.direction):
                if not rule.ports or packet.port in rule.ports:
                    decision = Decision(way, tier, canonical(policy), VERDICTS[rule.action])
                    yield Decided(group, policy, decision)
