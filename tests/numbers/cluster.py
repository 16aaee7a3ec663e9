"""Nodes to write rules for, one change after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from random import Random

from otel_calico.calico.model import Direction, PolicyKind
from tests.felix import Action, Endpoint, Era, Node, Policy, PolicyRule, kubernetes_profiles
from tests.felix.policy_chains import policy_chain_name
from tests.numbers.look import Name

INTERFACES = ("cali1", "cali12", "cali2")
PORTS = (1, 2, 3, 4)
GNP, NP, KNP = PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
NAMESPACE = "warehouse"


@dataclass(frozen=True, slots=True)
class Shape:
    """A policy as somebody wrote it; `second` ones stand in a tier of their own where there are tiers."""

    kind: PolicyKind
    name: str
    second: bool
    selector: str
    ingress: tuple[PolicyRule, ...]
    egress: tuple[PolicyRule, ...]
    bare: bool = False  # stored without its tier, since v3.32

    def policy(self, era: Era) -> Policy:
        tier = "security" if self.second and era >= Era.C else "default"
        name = f"{self.name}0" if self.bare and era < Era.E else self.name
        stored = name if self.kind is KNP or (self.bare and era >= Era.E) else f"{tier}.{name}"
        namespace = "" if self.kind is GNP else NAMESPACE
        return Policy(self.kind, stored, namespace, tier, self.selector, self.ingress, self.egress)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What Felix is told: policies in order, which of them apply to which way of which pod, and its settings."""

    era: Era
    policies: tuple[Shape, ...]
    applied: dict[tuple[str, Direction], frozenset[int]]
    flow_logs: bool = False
    deny_action: str = "DROP"
    allow_action: str = "ACCEPT"
    mark_mask: int = 0xFFFF0000
    pass_tiers: frozenset[str] = frozenset()

    @property
    def node(self) -> Node:
        era = self.era
        pods = dict.fromkeys(pod for pod, _ in self.applied)
        return Node(
            era,
            tuple(
                Endpoint(
                    pod,
                    self._policies(pod, Direction.INGRESS),
                    self._policies(pod, Direction.EGRESS),
                    kubernetes_profiles(NAMESPACE),
                )
                for pod in sorted(pods)
            ),
            flow_logs=self.flow_logs and era >= Era.D,
            deny_action=self.deny_action if era >= Era.A3 else "DROP",
            allow_action=self.allow_action,
            mark_mask=self.mark_mask,
            pass_tiers=self.pass_tiers if era >= Era.C else frozenset(),
        )

    def _policies(self, pod: str, way: Direction) -> tuple[Policy, ...]:
        chosen = self.applied[pod, way]
        ordered = sorted(self.policies, key=lambda shape: not shape.second) if self.era >= Era.C else self.policies
        return tuple(shape.policy(self.era) for shape in ordered if self.policies.index(shape) in chosen)

    def named(self) -> dict[str, tuple[Policy, bool]]:
        """Policies by chain, and whether the rules tell their names."""
        found = {}
        for shape in self.policies:
            policy = shape.policy(self.era)
            for way in Direction:
                chain = policy_chain_name(policy, way, self.era)
                found[chain] = policy, self.era > Era.A1 or not chain[8:].startswith("_")
        return found


def decisions(cluster: Cluster, pod: str, way: Direction, port: int) -> Iterator[tuple[str, str]]:
    """Which policies decide about a packet, by their chains, and how: by what the policies say, not by rules."""
    node = cluster.node
    endpoint = next(one for one in node.endpoints if one.interface == pod)
    for tier, policies in groupby(endpoint.policies(way), key=lambda policy: policy.tier):
        matching = [
            (policy_chain_name(policy, way, node.era), one.action)
            for policy in policies
            for one in policy.rules(way)
            if one.action is not Action.LOG and (not one.ports or port in one.ports)
        ]
        if matching:
            chain, action = matching[0]
            yield chain, action.name.lower()
        if (matching and action is not Action.PASS) or (not matching and tier not in node.pass_tiers):
            return


def name_of(policy: Policy, tier: str) -> Name:
    """The canonical name."""
    if policy.kind is KNP:
        label = f"knp.default.{policy.name}"
    else:
        label = policy.name if policy.name.startswith(f"{tier}.") else f"{tier}.{policy.name}"
    label = f"{policy.namespace}/{label}" if policy.namespace else label
    return Name(label, policy.kind.value, policy.namespace)


def some_cluster(random: Random) -> Cluster:
    """Policies of which most share a selector; two have one canonical name since v3.32."""
    policies = tuple(
        Shape(kind, name, second, random.choice("aaab"), _rules(random), _rules(random), bare)
        for kind, name, second, bare in [
            (GNP, "p", True, False),
            (GNP, "q", True, True),
            (KNP, "r", False, False),
            (KNP, "s", False, False),
            (NP, "t", False, False),
            (NP, "t", False, True),
        ]
    )
    return Cluster(
        random.choice(list(Era)),
        policies,
        _applied(random),
        flow_logs=random.choice([True, False]),
        deny_action=random.choice(["DROP", "REJECT"]),
        allow_action=random.choice(["ACCEPT", "RETURN"]),
        mark_mask=random.choice([0xFFFF0000, 0xFFFF0000, 0xFF000000]),
        pass_tiers=frozenset(random.choice([[], [], ["security"], ["default"]])),
    )


def changed(random: Random, cluster: Cluster) -> Cluster:
    """The cluster after one change."""
    place = random.randrange(len(cluster.policies))
    own = cluster.policies[place]
    what = random.choice(
        ["pods", "pods", "order", "rules", "rules", "rules", "selector", "selector", "name", "era", ""]
    )
    match what:
        case "pods":
            return replace(cluster, applied=_applied(random))
        case "order":
            return replace(cluster, policies=tuple(random.sample(cluster.policies, len(cluster.policies))))
        case "rules":
            own = replace(own, ingress=_rules(random), egress=random.choice([own.egress, _rules(random)]))
        case "selector":
            own = replace(own, selector="b" if own.selector == "a" else "a")
        case "name":
            own = replace(own, name=random.choice(sorted(set("pqrstuvw") - {shape.name for shape in cluster.policies})))
        case "era":
            return replace(cluster, era=Era(min(cluster.era + 1, Era.E)))
        case _:
            other = some_cluster(random)
            return replace(other, era=cluster.era, policies=cluster.policies, applied=cluster.applied)
    return replace(cluster, policies=(*cluster.policies[:place], own, *cluster.policies[place + 1 :]))


def _rules(random: Random) -> tuple[PolicyRule, ...]:
    actions, ports = random.choices(list(Action), [4, 4, 2, 1], k=3), random.choices([0, *PORTS, *PORTS], k=3)
    made = [
        PolicyRule(action, "udp", (port,)) if port else PolicyRule(action)
        for action, port in zip(actions, ports, strict=True)
    ]
    return tuple(made[: random.randint(0, 3)])


def _applied(random: Random) -> dict[tuple[str, Direction], frozenset[int]]:
    """Which policies apply to each way of each pod: mostly all."""

    def chosen() -> frozenset[int]:
        return frozenset(place for place in range(6) if random.random() < share)

    pods, share = random.sample(INTERFACES, random.randint(1, 3)), random.choice([0.6, 0.9, 1])
    return {(pod, way): chosen() for pod in pods for way in Direction}
