"""Family `workload`: what the rules tell of one workload, in packets and bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.attribution.workload_family import ExtraAttributes, workload_attributes
from otel_calico.attribution.workloads import Workload
from otel_calico.calico.model import Direction, IPVersion
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Endpoint, Era, Node, PacketRate, render
from tests.felix.example import INTERFACE, example_node
from tests.felix.kernel import Kernel, Packet

WORKLOAD = ScanSettings(SeriesChoice(("workload",)))


@pytest.mark.parametrize("era", Era)
def test_every_reason_for_a_drop_is_told_apart_in_every_era(era: Era) -> None:
    rate = PacketRate(10, 5) if era >= Era.D else None
    endpoints = [replace(endpoint, packet_rate=rate) for endpoint in example_node(era).endpoints]
    node = ScannedNode(WEB, settings=WORKLOAD)
    node.start()
    snapshot = node.scan(render(replace(example_node(era), endpoints=tuple(endpoints)), IPVersion.V4).dump())
    reasons = {
        (labels["calico.direction"], labels["reason"], labels.get("calico.encapsulation", ""))
        for readings in snapshot.readings
        for labels in readings.series.labels
        if "reason" in labels
    }
    both = {"conntrack_invalid", "no_profile", *(["packet_rate"] if rate else [])}
    assert reasons == {
        *((direction, reason, "") for direction in ("ingress", "egress") for reason in both),
        ("ingress", "end_of_tier", ""),
        ("egress", "encap", "vxlan"),
        ("egress", "encap", "ipip"),
    }


def test_a_disabled_endpoint_says_so() -> None:
    node = ScannedNode(WEB, settings=WORKLOAD)
    node.start()
    snapshot = node.scan(render(Node(Era.E, (Endpoint(INTERFACE, admin_up=False),)), IPVersion.V4).dump())
    assert {line.rpartition("reason=")[2] for line in page(snapshot)} == {'"admin_disabled"} 0'}


def test_established_traffic_is_the_kernels_count() -> None:
    node, kernel = ScannedNode(WEB, settings=WORKLOAD), Kernel(render(example_node(Era.E), IPVersion.V4))
    node.start()
    text = kernel.dump().replace("[0:0] -A cali-tw-cali0d7763386da", "[41:4100] -A cali-tw-cali0d7763386da", 1)
    established = [line for line in page(node.scan(text)) if "established" in line and "ingress" in line]
    assert [line.rpartition(" ")[2] for line in established] == ["4100", "41"]


def test_endpoints_of_one_pod_are_told_apart_by_their_interface() -> None:
    other = replace(WEB, interface="cali1", addresses=("10.0.0.6",))
    node = ScannedNode(WEB, other, settings=WORKLOAD)
    node.start()
    described = example_node(Era.E, INTERFACE, "cali1")
    snapshot = node.scan(render(described, IPVersion.V4).dump())  # the node checks that no series comes twice
    interfaces = {
        labels["network.interface.name"] for readings in snapshot.readings for labels in readings.series.labels
    }
    assert interfaces == {INTERFACE, "cali1"}


def test_bytes_count_on_through_a_reset() -> None:
    node, kernel = ScannedNode(WEB, settings=WORKLOAD), Kernel(render(example_node(Era.C), IPVersion.V4))
    node.start()
    for _ in range(2):
        kernel.zero()
        node.scan(kernel.dump())
        kernel.send(Packet(INTERFACE, Direction.INGRESS, 8080))
        snapshot = node.scan(kernel.dump())
    allowed = [line for line in page(snapshot) if 'verdict="allow"' in line and "allow-web" in line]
    packets = [line for line in allowed if ".packets" in line]
    assert [line.rpartition(" ")[2] for line in packets] == ["2"]


def test_owner_and_chosen_pod_labels_are_said_of_a_workload_that_has_them() -> None:
    owned = replace(WEB, owner="Deployment/web", labels={"app": "web", "team": "shop"})
    extra = ExtraAttributes(owner=True, pod_labels=("team", "release"))
    node = ScannedNode(owned, settings=ScanSettings(SeriesChoice(("workload",), extra=extra)))
    node.start()
    snapshot = node.scan(render(example_node(Era.E), IPVersion.V4).dump())
    said = {
        (labels.get("k8s.deployment.name"), labels.get("k8s.pod.label.team"), labels.get("k8s.pod.label.release"))
        for readings in snapshot.readings
        for labels in readings.series.labels
    }
    assert said == {("web", "shop", None)}


def test_a_pod_that_a_pod_owns_keeps_its_own_name() -> None:
    workload = Workload(replace(WEB, owner="Pod/driver"), Direction.INGRESS, IPVersion.V4)
    assert workload_attributes(workload, ExtraAttributes(owner=True))["k8s.pod.name"] == WEB.pod
