"""A compute host of OpenStack: instances behind `tap` interfaces, security groups as policies, Calico's data in etcd.

What Neutron's driver writes: `networking-calico/networking_calico/plugins/ml2/drivers/calico/{endpoints,policy}.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from otel_calico.calico.model import PolicyKind
from tests.end_to_end.cluster import NODE_NAME, UDP, Workload
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.resources import PREFIX, cluster_information
from tests.felix import Endpoint, Era, Node, Policy, allow
from tests.node.programs import PATH
from tests.node.service import Metrics

pytestmark = pytest.mark.node

REGION = "openstack-RegionOne"
GROUP = "6e1ab1a5-9a11-4ee5-9b25-1e3ddae4d6b0"
POLICY = Policy(
    PolicyKind.NETWORK_POLICY,
    f"ossg.default.{GROUP}",
    REGION,
    selector=f"has(sg.projectcalico.org/openstack-{GROUP})",
    ingress=(allow(UDP, 8080),),
    egress=(allow(),),
)
WEB_POLICY = f"{REGION}/ossg.default.{GROUP}"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of an instance; Nova calls its interface `tap` and the start of the port's ID."""

    instance: str
    id: str
    ipv4: str
    ipv6: str

    @property
    def interface(self) -> str:
        return f"tap{self.id[:11]}"

    @property
    def ip(self) -> str:
        return f"{self.ipv4},{self.ipv6}"

    def resource(self) -> tuple[str, str]:
        """The WorkloadEndpoint as Neutron's driver writes it."""
        name = "-".join(part.replace("-", "--") for part in (NODE_NAME, "openstack", self.instance, self.id))
        labels = {
            f"sg.projectcalico.org/openstack-{GROUP}": "web",
            "sg-name.projectcalico.org/openstack-web": GROUP,
            "projectcalico.org/namespace": REGION,
            "projectcalico.org/orchestrator": "openstack",
            "projectcalico.org/openstack-project-id": "1f0c2d3e4b5a69788796a5b4c3d2e1f0",
            "projectcalico.org/openstack-project-name": "shop",
            "projectcalico.org/openstack-project-parent-id": "default",
        }
        spec = {
            "orchestrator": "openstack",
            "workload": self.instance,
            "node": NODE_NAME,
            "endpoint": self.id,
            "interfaceName": self.interface,
            "mac": "fa:16:3e:00:00:01",
            "ipNetworks": [f"{self.ipv4}/32", f"{self.ipv6}/128"],
            "ipv4Gateway": "10.65.0.1",
        }
        metadata = {
            "name": name,
            "namespace": REGION,
            "labels": labels,
            "annotations": {"openstack.projectcalico.org/network-id": "8f6ea4a0-2c5b-4a1e-8f4e-0d4f5b7a9c11"},
        }
        value = {"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3", "metadata": metadata, "spec": spec}
        return f"{PREFIX}workloadendpoints/{REGION}/{name}", json.dumps(value)

    def workload(self) -> Workload:
        """What the node runs for it."""
        return Workload(self.id, "", self.interface, self.ipv4, self.ipv6)


WEB = Port("b3c1f2a4-55aa-4f6e-9a0b-0a1b2c3d4e5f", "0d776338-6da0-4c4e-8a52-1f1f1f1f1f1f", "10.65.0.2", "fd00:65::2")
FIRST = Port("c4d2e3b5-66bb-4a7f-8b1c-1b2c3d4e5f60", "11111111-1111-4111-8111-111111111111", "10.65.0.3", "fd00:65::3")
SECOND = Port(FIRST.instance, "22222222-2222-4222-8222-222222222222", "10.65.0.4", "fd00:65::4")
PORTS = (WEB, FIRST, SECOND)


def run_instances(node: LiveNode, era: Era) -> None:
    """The three ports with their security group, in etcd and in the kernel."""
    for port in PORTS:
        node.run(port.workload())
    endpoints = tuple(Endpoint(port.interface, ingress=(POLICY,), egress=(POLICY,)) for port in PORTS)
    node.program(Node(era, endpoints, interface_prefix="tap"))
    policy = {"kind": "NetworkPolicy", "metadata": {"name": POLICY.name, "namespace": REGION}, "spec": {}}
    node.etcd.put_all(
        dict([*(port.resource() for port in PORTS), cluster_information("v3.26.5")])
        | {f"{PREFIX}networkpolicies/{REGION}/{POLICY.name}": json.dumps(policy)}
    )


def counted(page: Metrics, metric: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The series of IPv4 that counted, by their labels in order."""
    found = {tuple(sorted(pair for pair in labels if pair[1])): value for labels, value in page[metric].items()}
    return {labels: value for labels, value in found.items() if value and ("ip_version", "6") not in labels}


def accountant(port: Port, way: str, **more: str) -> tuple[tuple[str, str], ...]:
    """Labels of a series of family `accountant`."""
    labels = {"app": "shop", "ip": port.ip, "pod_namespace": REGION, "type": way, "workload": port.instance, **more}
    return tuple(sorted(labels.items()))


def workload(port: Port, way: str, **more: str) -> tuple[tuple[str, str], ...]:
    """Labels of a series of family `workload`; an instance with two ports has the interface in them."""
    labels = {
        "k8s_namespace_name": REGION,
        "calico_workload_name": port.instance,
        "calico_direction": way,
        "network_type": "ipv4",
        **({"network_interface_name": port.interface} if port is not WEB else {}),
        **more,
    }
    return tuple(sorted(labels.items()))


@pytest.mark.parametrize(("dataplane", "era"), list(zip(DATAPLANES, (Era.A2, Era.B, Era.E), strict=True)), ids=str)
def test_instances_of_openstack_are_told_apart_and_have_their_projects_name(dataplane: str, era: Era) -> None:
    families = {"OTEL_CALICO_METRICS_FAMILIES": "accountant,policy,workload"}
    with LiveNode(dataplane) as node:
        run_instances(node, era)
        with node.service(families) as service:
            service.start()
            pods = {port: node.pods[port.id] for port in PORTS}
            for port, packets in ((WEB, 5), (FIRST, 3), (SECOND, 2)):
                node.outside.send_udp(pods[port], 8080, packets)
                node.outside.send_udp(pods[port], 9090, packets * 10)
            page = service.scrape()

    assert counted(page, "policy_accept_counter") == {
        accountant(port, "tw", policy=WEB_POLICY): packets for port, packets in ((WEB, 5), (FIRST, 3), (SECOND, 2))
    }
    assert counted(page, "no_policy_drop_counter") == {
        accountant(port, "tw"): packets for port, packets in ((WEB, 50), (FIRST, 30), (SECOND, 20))
    }
    assert counted(page, "calico_workload_dropped_packets_total") == {
        workload(port, "ingress", reason="end_of_tier", calico_tier="default"): packets
        for port, packets in ((WEB, 50), (FIRST, 30), (SECOND, 20))
    }
    assert page["otel_calico_interfaces_without_workload"] == {frozenset(): 0}


def test_report_and_explain_know_an_instance_by_its_id() -> None:
    with LiveNode("nft") as node:
        run_instances(node, Era.B)
        node.outside.send_udp(node.pods[WEB.id], 9090, 4)

        def ask(*arguments: str) -> str:
            command = node.namespace.command(sys.executable, "-m", "otel_calico", *arguments)
            asked = subprocess.run(
                command, env={"PATH": PATH, **node.environment}, capture_output=True, text=True, check=True, timeout=60
            )
            return asked.stdout

        rows = json.loads(ask("report", "--pod", WEB.instance, "--output", "json"))["rows"]
        assert [(row["endpoint"], row["verdict"]) for row in rows] == [(f"{REGION}/{WEB.instance}", "drop")]
        assert f"{REGION}/{WEB.instance}" in ask("explain", f"{REGION}/{WEB.instance}")
