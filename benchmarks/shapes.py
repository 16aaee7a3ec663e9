"""The nodes that are measured: so many pods, all under the same so many policies, both ways, on Calico v3.32."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from otel_calico.calico import model
from otel_calico.calico.chains import veth_name
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind
from tests.end_to_end.cluster import NAMESPACE, Workload, stored_name
from tests.end_to_end.resources import cluster_information, endpoint, policy_entry
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles

ERA = Era.E
VERSION = "v3.32.1"


@dataclass(frozen=True, slots=True)
class Shape:
    """A node of `pods`, each under all of `policies`. Selectors are distinct, so no policies share a group chain."""

    pods: int
    policies: int

    def __str__(self) -> str:
        return f"{self.pods}x{self.policies}"

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """The pods; ten apps share them."""
        return tuple(workload(number) for number in range(self.pods))

    def node(self, era: Era = ERA) -> Node:
        """The node as Felix of an era programs it."""
        bare = map(policy, range(self.policies))
        policies = tuple(replace(one, name=stored_name(one.name, era)) for one in bare)
        return Node(
            era,
            tuple(
                Endpoint(each.interface, policies, policies, kubernetes_profiles(NAMESPACE)) for each in self.workloads
            ),
        )

    def resources(self) -> dict[str, str]:
        """The same in Calico's etcd."""
        policies = (policy_entry(policy(number), ERA) for number in range(self.policies))
        return dict([cluster_information(VERSION), *policies, *map(endpoint, self.workloads)])

    def fill(self, lookups: Lookups) -> None:
        """The same as a datastore would put it into the lookups."""
        lookups.put("clusterinformations", "default", model.ClusterInformation(VERSION))
        for number in range(self.policies):
            lookups.put("policies", str(number), policy(number).resource)
        for each in self.workloads:
            lookups.put("workloadendpoints", each.pod, workload_endpoint(each))


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. The default is what the bars speak of; tests take less."""

    shapes: tuple[Shape, ...] = (Shape(110, 8), Shape(500, 20))
    scrape_bars: tuple[float, ...] = (0.30, 0.15)  # times the save's CPU, by shape
    memory_bars: tuple[int, ...] = (80, 140)  # MB, by shape
    rounds: int = 11
    first_scrapes: int = 3
    scrapes_before_memory: int = 20
    pushes_before_memory: int = 5
    push_interval: float = 2.0  # seconds; short, to be done soon
    pods_that_come_and_go: int = 200_000
    churn: Shape = field(default_factory=lambda: Shape(200, 2))
    scrapers: int = 50
    cluster_policies: int = 50_000
    cluster_endpoints: int = 5_000
    events: int = 100
    watched_policies: int = 20_000
    policy_changes: int = 3_600
    scans_beside_a_writer: int = 1_000
    ebpf_pods: int = 110
    ebpf_policies: int = 500

    @property
    def largest(self) -> Shape:
        """The shape with the most series."""
        return self.shapes[-1]


def workload(number: int) -> Workload:
    """The pod of a number, with the names and addresses that Kubernetes and Calico would give it."""
    pod = f"web-{number // 10}-{number:06x}"
    high, low = divmod(number % 62_500, 250)
    return Workload(
        pod, f"app-{number % 10}", veth_name(NAMESPACE, pod), f"10.65.{high}.{low + 1}", f"fd00:65::{number:x}"
    )


def workload_endpoint(pod: Workload) -> model.WorkloadEndpoint:
    """A pod as the datastores decode it."""
    return model.WorkloadEndpoint(pod.interface, NAMESPACE, pod.pod, (pod.ipv4, pod.ipv6), {"app": pod.app})


def policy(number: int) -> Policy:
    """The policy of a number, with ports of its own. Every fourth is global and begins with a deny rule both ways."""
    kind = PolicyKind.NETWORK_POLICY if number % 4 else PolicyKind.GLOBAL_NETWORK_POLICY
    port = number % 1000
    rules = (allow("tcp", 8000 + port),) if number % 4 else (deny("tcp", 9000 + port), allow("tcp", 7000 + port))
    namespace = NAMESPACE if number % 4 else ""
    return Policy(kind, f"policy-{number}", namespace, selector=f"role == '{number}'", ingress=rules, egress=rules)
