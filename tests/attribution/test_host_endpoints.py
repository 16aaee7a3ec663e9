"""Host endpoints: what policies did with the traffic of the node's own interfaces."""

from __future__ import annotations

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, IPVersion, PolicyKind
from otel_calico.calico.model import HostEndpoint as HostEndpointResource
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Era, HostEndpoint, Node, Policy, allow, deny, render
from tests.felix.example import example_endpoint
from tests.felix.kernel import Kernel, Packet

UDP = 17
GUARD = Policy(
    PolicyKind.GLOBAL_NETWORK_POLICY,
    "default.guard",
    selector="has(node)",
    ingress=(deny(UDP, 9090), allow(UDP, 22)),
    egress=(allow(UDP, 53),),
)
TRANSIT = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.transit", selector="has(gate)", ingress=(allow(UDP, 443),))
ETH0 = HostEndpoint("eth0", ingress=(GUARD,), egress=(GUARD,), forward_ingress=(TRANSIT,))
EVERYWHERE = HostEndpoint("*", ingress=(GUARD,), forward_egress=(GUARD,))
FAMILIES = ScanSettings(SeriesChoice(("accountant", "policy", "workload")))


def scanned(*resources: HostEndpointResource) -> ScannedNode:
    node = ScannedNode(WEB, settings=FAMILIES)
    for resource in resources:
        node.lookups.put("hostendpoints", resource.name, resource)
    node.start()
    return node


def through(kernel: Kernel, chain: str, *ports: int) -> None:
    for port in ports:
        kernel.enter(chain, Packet("", Direction.INGRESS, port))


def packets_counted(lines: list[str]) -> list[str]:
    """What the workload family says of host endpoints, bytes and zeros aside."""
    return [
        line.removeprefix("calico.workload.")
        for line in lines
        if "host_endpoint" in line and ".packets{" in line and not line.endswith(" 0")
    ]


def series(metric: str, whose: tuple[str, str, str], direction: str, rest: str) -> str:
    interface, name, traffic = whose
    before, _, after = rest.partition("|")
    return (
        f'{metric}.packets{{calico.direction="{direction}",calico.host_endpoint.name="{name}",'
        f'calico.host_endpoint.traffic="{traffic}",'
        f'{before}network.interface.name="{interface}",network.type="ipv4"{after}}}'
    )


def decided(policy: str, verdict: str) -> str:
    return f'calico.policy.name="{policy}",calico.tier="default",calico.verdict="{verdict}",'


@pytest.mark.parametrize("era", Era)
def test_local_and_forwarded_traffic_of_an_interface_and_of_all_interfaces_is_told_apart(era: Era) -> None:
    node = scanned(
        HostEndpointResource("uplink", "node-1", "eth0"), HostEndpointResource("node-1-auto-hep", "node-1", "*")
    )
    kernel = Kernel(render(Node(era, (example_endpoint(era),), hosts=(ETH0, EVERYWHERE)), IPVersion.V4))
    node.scan(kernel.dump())
    through(kernel, "cali-fh-eth0", 22, 22, 9090, 5353)
    through(kernel, "cali-th-eth0", 53)
    through(kernel, "cali-fhfw-eth0", 443, 443, 443, 80)
    through(kernel, "cali-fh-any-interface-at-all", 22)
    through(kernel, "cali-thfw-_Nqh4HyA73udmyanQI", 53, 80, 80)
    snapshot = node.scan(kernel.dump())
    local, forwarded = ("eth0", "uplink", "local"), ("eth0", "uplink", "forwarded")
    all_local, all_forwarded = ("*", "node-1-auto-hep", "local"), ("*", "node-1-auto-hep", "forwarded")
    end = 'calico.tier="default",|,reason="end_of_tier"'
    assert packets_counted(page(snapshot)) == sorted(
        [
            series("dropped", local, "ingress", end) + " 1",
            series("dropped", forwarded, "ingress", end) + " 1",
            series("dropped", all_forwarded, "egress", end) + " 2",
            series("policy", local, "ingress", decided("default.guard", "allow")) + " 2",
            series("policy", local, "ingress", decided("default.guard", "deny")) + " 1",
            series("policy", local, "egress", decided("default.guard", "allow")) + " 1",
            series("policy", forwarded, "ingress", decided("default.transit", "allow")) + " 3",
            series("policy", all_local, "ingress", decided("default.guard", "allow")) + " 1",
            series("policy", all_forwarded, "egress", decided("default.guard", "allow")) + " 1",
        ]
    )
    assert snapshot.report.interfaces_without_workload == ()


def test_a_policy_of_host_endpoints_alone_is_counted_for_the_node_and_no_workload_is_made_up() -> None:
    node = ScannedNode(WEB)
    node.start()
    kernel = Kernel(render(Node(Era.E, hosts=(ETH0,)), IPVersion.V4))
    through(kernel, "cali-fh-eth0", 22, 9090)
    snapshot = node.scan(kernel.dump())
    packets = {
        (labels["calico.policy.name"], labels["calico.direction"], labels["calico.verdict"]): value
        for readings in snapshot.readings
        if readings.series.metric.name == "calico.policy.packets"
        for labels, value in zip(readings.series.labels, readings.values, strict=True)
    }
    assert packets == {
        ("default.guard", "ingress", "deny"): 1,
        ("default.guard", "ingress", "allow"): 1,
        ("default.guard", "egress", "allow"): 0,
        ("default.transit", "ingress", "allow"): 0,
    }
    assert {readings.series.metric.family for readings in snapshot.readings if readings.series.labels} == {"policy"}
    assert snapshot.report.interfaces_without_workload == ()


def test_a_host_endpoint_that_nothing_names_is_reported_by_its_interface_and_counted_as_unknown() -> None:
    node = scanned()
    kernel = Kernel(render(Node(Era.E, hosts=(ETH0,)), IPVersion.V4))
    snapshot = node.scan(kernel.dump())
    interfaces = {
        (labels["network.interface.name"], labels.get("calico.host_endpoint.name"))
        for readings in snapshot.readings
        for labels in readings.series.labels
        if "calico.host_endpoint.traffic" in labels
    }
    assert interfaces == {("eth0", None)}
    assert snapshot.report.interfaces_without_workload == ("eth0",)
    named = HostEndpointResource("late", "node-1", "eth0")
    node.lookups.put("hostendpoints", "late", named)
    assert node.scan().report.interfaces_without_workload == ()


def test_without_an_interface_name_only_a_single_host_endpoint_is_taken() -> None:
    def name(*resources: HostEndpointResource, interface: str = "eth0") -> str | None:
        endpoint = scanned(*resources).lookups.host_endpoint(interface)
        return endpoint.name if endpoint else None

    by_address = HostEndpointResource("by-address", "node-1", "", ("10.0.0.1",))
    assert name(by_address) == "by-address"
    assert name(by_address, interface="*") is None
    assert name(by_address, HostEndpointResource("other", "node-1", "", ("10.0.1.1",))) is None
    assert name(by_address, HostEndpointResource("named", "node-1", "eth0")) == "named"
    assert name(HostEndpointResource("b", "node-1", "eth0"), HostEndpointResource("a", "node-1", "eth0")) == "a"
    assert name(HostEndpointResource("a", "node-1", "eth0"), HostEndpointResource("b", "node-2", "eth0")) is None
