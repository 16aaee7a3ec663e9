"""Example nodes of each era.

The first has one pod, `default/web-0`, a policy that denies UDP port 9090 and one that allows 8080: of 12 packets
to ports 8080 (7), 9090 (3) and 5353 (2), 7 are accepted, 3 denied and 2 dropped as unmatched.
"""

from __future__ import annotations

from otel_calico.calico.model import PolicyKind
from tests.felix.description import Endpoint, Node, PacketRate, Policy, allow, deny, kubernetes_profiles, log, pass_on
from tests.felix.eras import Era

UDP = 17
INTERFACE = "cali0d7763386da"
NAMESPACE_SELECTOR = '(projectcalico.org/orchestrator == "k8s" && projectcalico.org/namespace == "default")'

ALLOW_WEB = Policy(
    PolicyKind.KUBERNETES_NETWORK_POLICY,
    "allow-web",
    "default",
    selector=NAMESPACE_SELECTOR,
    ingress=(allow(UDP, 8080),),
)
DEFAULT_DENY = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "default-deny", "default", selector=NAMESPACE_SELECTOR)


def block_9090(era: Era) -> Policy:
    """The denying policy; since v3.32 stored names need no tier in front."""
    name = "block-9090" if era >= Era.E else "default.block-9090"
    return Policy(PolicyKind.GLOBAL_NETWORK_POLICY, name, ingress=(deny(UDP, 9090),))


def example_endpoint(era: Era, interface: str = INTERFACE) -> Endpoint:
    """A pod without egress policy; in era E two of its ingress policies share a group."""
    ingress = (block_9090(era), ALLOW_WEB, *((DEFAULT_DENY,) if era >= Era.E else ()))
    return Endpoint(interface, ingress=ingress, profiles=kubernetes_profiles("default"))


def example_node(era: Era, *interfaces: str) -> Node:
    """A node with the example pod, or with one such pod per interface. Era D writes flow logs."""
    endpoints = tuple(example_endpoint(era, interface) for interface in interfaces or (INTERFACE,))
    return Node(era, endpoints, flow_logs=era is Era.D)


def varied_node(era: Era) -> Node:
    """Three pods that between them need every kind of rule the era has, one of them administratively down."""
    tier = "security" if era >= Era.C else "default"
    kind, selector = PolicyKind.GLOBAL_NETWORK_POLICY, 'app == "web"'
    subnets = ("10.0.0.0/8", "192.168.0.0/16", "fd00::/64", "fd01::/64")
    first = Policy(kind, f"{tier}.first", tier=tier, selector=selector, ingress=(
        log("tcp"), deny("tcp", 22, sources=subnets), pass_on("udp", 53, sources=subnets[1:3]), allow("tcp", 80, 443),
    ))  # fmt: skip
    seven = tuple(Policy(kind, f"default.p{place}", selector=selector, ingress=(allow(UDP, place),), egress=(allow(),))
                  for place in range(1, 8))  # fmt: skip
    staged = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "tried", "default", selector="all()", staged=True)
    profiles = kubernetes_profiles("default")
    pods = (
        Endpoint(INTERFACE, (first, *seven, staged), seven[:2], profiles, packet_rate=PacketRate(100, 200)),
        Endpoint("cali0d7763386db", (staged,), (), profiles),
        Endpoint("cali11111111111", seven, seven, profiles, admin_up=False),
    )
    return Node(era, pods)
