"""The cluster of these tests, as Felix of each era is told of it: two pods of `node-1` and their policies.

Users call the policies by the same names in every era; the names in the datastore differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.calico.model import PolicyKind
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles, pass_on

NODE_NAME = "node-1"
NAMESPACE = "default"
UDP = 17


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod in namespace `default`, and where its WorkloadEndpoint says it is."""

    pod: str
    app: str
    interface: str
    ipv4: str
    ipv6: str


WEB = Workload("web-0", "web", "cali0d7763386da", "10.65.0.2", "fd00:65::2")
CLIENT = Workload("client-0", "client", "cali11111111111", "10.65.0.3", "fd00:65::3")

# In etcd a Kubernetes policy is a Calico NetworkPolicy with this prefix, on every release.
ALLOW_WEB = Policy(
    PolicyKind.NETWORK_POLICY, "knp.default.allow-web", NAMESPACE, selector='app == "web"', ingress=(allow(UDP, 8080),)
)
DEFAULT_DENY = Policy(PolicyKind.NETWORK_POLICY, "knp.default.default-deny", NAMESPACE, selector='app == "web"')
GUARD = Policy(
    PolicyKind.GLOBAL_NETWORK_POLICY,
    "security.guard",
    tier="security",
    ingress=(deny(UDP, 7070), pass_on(UDP, 8080, 9090, 5353)),
)


def stored_name(name: str, era: Era) -> str:
    """What the datastore calls a Calico policy of the default tier that users call `name`."""
    return name if era >= Era.E else f"default.{name}"


def block_9090(era: Era) -> Policy:
    """The users' GlobalNetworkPolicy `block-9090`."""
    name = stored_name("block-9090", era)
    return Policy(PolicyKind.GLOBAL_NETWORK_POLICY, name, ingress=(deny(UDP, 9090),))


def fetch_web(era: Era) -> Policy:
    """The users' NetworkPolicy `fetch-web`, for what the client may send."""
    name = stored_name("fetch-web", era)
    return Policy(PolicyKind.NETWORK_POLICY, name, NAMESPACE, selector='app == "client"', egress=(allow(UDP, 8080),))


def web_policies(era: Era) -> tuple[Policy, ...]:
    """Ingress policies of the web pod in order. Tiers exist since C; in E two policies share a group chain."""
    guard = (GUARD,) if era >= Era.C else ()
    group = (ALLOW_WEB, DEFAULT_DENY) if era >= Era.E else (ALLOW_WEB,)
    return (*guard, block_9090(era), *group)


def web_endpoint(era: Era, *policies: Policy) -> Endpoint:
    """The web pod, with other ingress policies than its own if some are given."""
    return Endpoint(WEB.interface, ingress=policies or web_policies(era), profiles=kubernetes_profiles(NAMESPACE))


def client_endpoint(era: Era) -> Endpoint:
    """The client pod."""
    return Endpoint(CLIENT.interface, egress=(fetch_web(era),), profiles=kubernetes_profiles(NAMESPACE))


def felix_node(era: Era, *endpoints: Endpoint) -> Node:
    """The node with both pods, or with the endpoints given. Era C rejects, era D writes flow logs."""
    return Node(
        era,
        endpoints or (web_endpoint(era), client_endpoint(era)),
        deny_action="REJECT" if era is Era.C else "DROP",
        flow_logs=era is Era.D,
    )
