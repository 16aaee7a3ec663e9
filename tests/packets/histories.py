"""Random nodes, what Felix makes of them one after another, and packets."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from otel_calico.calico.model import Direction, PolicyKind
from tests.felix import Action, Endpoint, Era, Node, Policy, PolicyRule, kubernetes_profiles
from tests.felix.eras import DEFAULT_MARK_MASK
from tests.felix.kernel import Packet

INTERFACES = ("cali1", "cali12", "cali2")
PORTS = (1, 2, 3, 4)

Batch = list[tuple[Packet, int]]
"""Packets, each with how often it is sent."""

GNP, KNP = PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
_POLICIES = (
    (GNP, "p", "first"),
    (GNP, "q", "first"),
    *((KNP, name, "default") for name in "rstu"),
    (GNP, "v", "default"),
)


@dataclass(frozen=True, slots=True)
class History:
    """How Felix writes (`legacy` or `nft`), and the node as it is from one write to the next."""

    backend: str
    nodes: tuple[Node, ...]


@st.composite
def _policies(draw: st.DrawFn, era: Era) -> list[Policy]:
    """Seven policies, most of which share a selector; Kubernetes ones only allow."""
    found = []
    for kind, name, tier in _POLICIES:
        actions = [Action.ALLOW] if kind is KNP else list(Action)[:3]
        rules = st.lists(
            st.builds(
                lambda action, port: PolicyRule(action, "udp", (port,)) if port else PolicyRule(action),
                st.sampled_from(actions),
                st.sampled_from([*PORTS, *PORTS, 0]),
            ),
            max_size=3,
        ).map(tuple)
        own_tier = tier if era >= Era.C else "default"
        found.append(
            Policy(
                kind,
                f"{own_tier}.{name}" if kind is GNP else name,
                "shop" if kind is KNP else "",
                own_tier,
                draw(st.sampled_from(["a", "a", "a", "b"])),
                draw(rules),
                draw(rules),
            )
        )
    return found


@st.composite
def _endpoints(draw: st.DrawFn, policies: list[Policy]) -> tuple[Endpoint, ...]:
    """Some pods, to each of which the same policies or some of them apply."""
    chosen = st.sampled_from([tuple(policies)]) | st.lists(st.sampled_from(range(7)), unique=True).map(
        lambda places: tuple(policies[place] for place in sorted(places))
    )
    interfaces = draw(st.lists(st.sampled_from(INTERFACES), unique=True, min_size=1).map(sorted))
    return tuple(
        Endpoint(interface, draw(chosen), draw(chosen), kubernetes_profiles("shop")) for interface in interfaces
    )


@st.composite
def _reordered(draw: st.DrawFn, policies: list[Policy]) -> list[Policy]:
    """The policies in another order within their tiers."""
    order = draw(st.permutations(policies))
    tiers = list(dict.fromkeys(policy.tier for policy in policies))
    return sorted(order, key=lambda policy: tiers.index(policy.tier))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A node whose pods come and go and whose policies change places and rules."""
    era = draw(st.sampled_from([*Era, Era.E]))
    policies = draw(_policies(era))
    flow_logs = era >= Era.D and draw(st.booleans())
    deny_action = draw(st.sampled_from(["DROP", "REJECT"])) if era >= Era.A3 else "DROP"
    mark_mask = draw(st.sampled_from([DEFAULT_MARK_MASK, 0xFF000000]))
    passes = draw(st.sampled_from([frozenset(), frozenset({"first"}), frozenset({"default"})]))
    nodes = []
    for _ in range(draw(st.integers(1, 4))):
        pods = draw(_endpoints(policies))
        nodes.append(
            Node(
                era,
                pods,
                deny_action,
                flow_logs=flow_logs,
                mark_mask=mark_mask,
                pass_tiers=passes if era >= Era.C else frozenset(),
            )
        )
        policies = draw(st.sampled_from([policies]) | _reordered(policies) | _policies(era))
    return History(draw(st.sampled_from(["legacy", "nft"])), tuple(nodes))


def batches(count: int, times: tuple[int, ...] = (1, 2, 5, 100)) -> st.SearchStrategy[list[Batch]]:
    """So many batches of packets, each of which is sent one of these numbers of times."""
    packets = st.builds(Packet, st.sampled_from(INTERFACES), st.sampled_from(Direction), st.sampled_from(PORTS))
    batch = st.lists(st.tuples(packets, st.sampled_from(times)), max_size=6)
    return st.lists(batch, min_size=count, max_size=count)
