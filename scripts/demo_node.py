"""The node that the demo replays: pods, policies and traffic of a small shop."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.calico.chains import veth_name
from otel_calico.calico.model import IPVersion, PolicyKind
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles, pass_on

NODE, RELEASE = "shop-node-1", "v3.32.1"
ORDERS = {"block-known-bad": 10.0, "allow-metrics": 100.0, "prometheus": 500.0, "allow-all-fallback": 10000.0}
TIERS = {"security": 100.0, "default": 1000000.0}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with its policies in order of evaluation."""

    namespace: str
    name: str
    app: str
    address: int  # last part of its IPv4 and IPv6 address
    ingress: tuple[Policy, ...] = ()
    egress: tuple[Policy, ...] = ()

    @property
    def interface(self) -> str:
        """The host's side of the pod's interface."""
        return veth_name(self.namespace, self.name)

    @property
    def addresses(self) -> dict[IPVersion, str]:
        """One address per IP version."""
        return {IPVersion.V4: f"10.244.3.{self.address}", IPVersion.V6: f"fd00:10:244:3::{self.address:x}"}

    @property
    def endpoint(self) -> Endpoint:
        """The pod as Felix gets it."""
        return Endpoint(self.interface, self.ingress, self.egress, kubernetes_profiles(self.namespace))


def _kubernetes(namespace: str, name: str, app: str = "", **rules: tuple[object, ...]) -> Policy:
    """A Kubernetes NetworkPolicy for the pods of one app, or for all of the namespace."""
    selector = f"projectcalico.org/orchestrator == 'k8s' && projectcalico.org/namespace == '{namespace}'"
    if app:
        selector = f"(app == '{app}' && {selector})"
    return Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, name, namespace, selector=selector, **rules)  # type: ignore[arg-type]


_GLOBAL = PolicyKind.GLOBAL_NETWORK_POLICY
BLOCK = Policy(_GLOBAL, "block-known-bad", tier="security", ingress=(
    deny(sources=("192.0.2.0/24", "2001:db8:bad::/48")), pass_on()))  # fmt: skip
METRICS = Policy(_GLOBAL, "allow-metrics", selector="has(metrics)", ingress=(
    allow("tcp", 8080, 9153, sources=("10.244.3.17/32", "fd00:10:244:3::11/128")),))  # fmt: skip
FALLBACK = Policy(_GLOBAL, "allow-all-fallback", selector="projectcalico.org/namespace == 'monitoring'",
                  ingress=(allow(),), egress=(allow(),))  # fmt: skip
PROMETHEUS = Policy(PolicyKind.NETWORK_POLICY, "prometheus", "monitoring", selector="app == 'prometheus'",
                    ingress=(allow("tcp", 9090),), egress=(allow("tcp", 8080, 9153), allow("udp", 53)))  # fmt: skip
DNS = _kubernetes("shop", "default-allow-dns", egress=(allow("udp", 53), allow("tcp", 53)))
DENY = _kubernetes("shop", "default-deny")
WEB = _kubernetes("shop", "web", "web", ingress=(allow("tcp", 8443),), egress=(allow("tcp", 8000),))
API = _kubernetes("shop", "api", "api", ingress=(allow("tcp", 8000),), egress=(allow("tcp", 5432, 6379),))
CACHE = _kubernetes("shop", "cache", "cache", ingress=(allow("tcp", 6379),))
DB = _kubernetes("shop", "db", "db", ingress=(allow("tcp", 5432),))
WORKER = _kubernetes("shop", "worker", "worker", egress=(allow("tcp", 5432),))
COREDNS = _kubernetes("kube-system", "coredns", "coredns", ingress=(allow("udp", 53), allow("tcp", 53)),
                      egress=(allow("udp", 53),))  # fmt: skip
POLICIES = (BLOCK, METRICS, PROMETHEUS, API, CACHE, DB, DNS, DENY, WEB, WORKER, COREDNS, FALLBACK)

_WEB_POLICIES = (BLOCK, METRICS, DENY, WEB), (DNS, DENY, WEB)
PODS = (
    Pod("shop", "web-6d5f7c9b8-4kxqz", "web", 10, *_WEB_POLICIES),
    Pod("shop", "web-6d5f7c9b8-t9w2m", "web", 11, *_WEB_POLICIES),
    Pod("shop", "api-7c9d8f6b5-lm2vn", "api", 12, (BLOCK, METRICS, API, DENY), (API, DNS, DENY)),
    Pod("shop", "worker-5b8c6d7f9-q8hjd", "worker", 13, (BLOCK, DENY), (DNS, DENY, WORKER)),
    Pod("shop", "cache-0", "cache", 14, (BLOCK, CACHE, DENY), (DNS, DENY)),
    Pod("shop", "db-0", "db", 15, (BLOCK, DB, DENY), (DNS, DENY)),
    Pod("kube-system", "coredns-5dd5756b68-x7k2p", "coredns", 16, (BLOCK, METRICS, COREDNS), (COREDNS,)),
    Pod("monitoring", "prometheus-0", "prometheus", 17, (BLOCK, PROMETHEUS, FALLBACK), (PROMETHEUS, FALLBACK)),
)
WEB_1, WEB_2, API_1, WORKER_1, CACHE_0, DB_0, COREDNS_1, PROMETHEUS_0 = PODS
NODE_RULES = Node(Era.E, tuple(pod.endpoint for pod in PODS))


End = Pod | tuple[str, str]
"""A pod or, for what lies beyond the node, one address per IP version."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Connections to a port, opened at a steady rate; `packets` is how many follow the first, each way."""

    source: End
    destination: End
    protocol: str
    port: int
    rate: float  # connections per second, IPv4; IPv6 has a quarter of it
    packets: int = 4

    @property
    def refused(self) -> bool:
        """True if the first packet is dropped, so that none follows."""
        return self.packets == 0


VISITORS, KNOWN_BAD = ("198.51.100.7", "2001:db8:51::7"), ("192.0.2.66", "2001:db8:bad::66")
PAYMENTS, RESOLVER = ("203.0.113.80", "2001:db8:113::80"), ("203.0.113.53", "2001:db8:113::53")

TRAFFIC = (
    Traffic(VISITORS, WEB_1, "tcp", 8443, 4.2, packets=12),
    Traffic(VISITORS, WEB_2, "tcp", 8443, 3.8, packets=12),
    Traffic(KNOWN_BAD, WEB_1, "tcp", 8443, 0.4, packets=0),
    Traffic(KNOWN_BAD, WEB_2, "tcp", 8443, 0.2, packets=0),
    Traffic(WEB_1, API_1, "tcp", 8000, 3.1, packets=6),
    Traffic(WEB_2, API_1, "tcp", 8000, 2.9, packets=6),
    Traffic(API_1, CACHE_0, "tcp", 6379, 8.5),
    Traffic(API_1, DB_0, "tcp", 5432, 2.2, packets=9),
    Traffic(WORKER_1, DB_0, "tcp", 5432, 0.5, packets=9),
    Traffic(WORKER_1, PAYMENTS, "tcp", 443, 0.8, packets=0),
    Traffic(WEB_1, COREDNS_1, "udp", 53, 1.2, packets=1),
    Traffic(WEB_2, COREDNS_1, "udp", 53, 1.1, packets=1),
    Traffic(API_1, COREDNS_1, "udp", 53, 1.9, packets=1),
    Traffic(WORKER_1, COREDNS_1, "udp", 53, 0.7, packets=1),
    Traffic(COREDNS_1, RESOLVER, "udp", 53, 0.6, packets=1),
    Traffic(PROMETHEUS_0, WEB_1, "tcp", 8080, 0.1),
    Traffic(PROMETHEUS_0, WEB_2, "tcp", 8080, 0.1),
    Traffic(PROMETHEUS_0, API_1, "tcp", 8080, 0.1),
    Traffic(PROMETHEUS_0, COREDNS_1, "tcp", 9153, 0.1),
    Traffic(VISITORS, PROMETHEUS_0, "tcp", 9090, 0.2),
)
