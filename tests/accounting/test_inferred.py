"""Counts that follow from what policies cannot do are not carried over a change of what they can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, PolicyKind, WorkloadEndpoint
from otel_calico.metrics import WORKLOAD_POLICY
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import ScannedNode
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles, pass_on, render
from tests.felix.kernel import Kernel, Packet

UDP = 17
GNP = PolicyKind.GLOBAL_NETWORK_POLICY
FIRST = Policy(GNP, "first", selector="a", ingress=(pass_on(UDP, 1), allow(UDP, 2)))
SECOND = Policy(GNP, "second", selector="b", ingress=(deny(UDP, 3), allow(UDP, 4)))


def node_with(first: Policy, second: Policy) -> Node:
    return Node(Era.E, (Endpoint("cali1", (first, second), (), kubernetes_profiles("shop")),))


def decided(node: ScannedNode, kernel: Kernel) -> dict[str, int]:
    return {
        f"{labels['calico.policy.name']} {labels['calico.verdict']}": value
        for readings in node.scan(kernel.dump()).readings
        if readings.series.metric is WORKLOAD_POLICY[0]
        for labels, value in zip(readings.series.labels, readings.values, strict=True)
        if value
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (replace(FIRST, ingress=(deny(UDP, 1), allow(UDP, 2))), SECOND),  # denies where it passed
        (replace(FIRST, ingress=(allow(UDP, 2),)), replace(SECOND, ingress=(pass_on(UDP, 3), deny(UDP, 4)))),
    ],
)
def test_what_one_policy_passed_is_no_other_count_after_the_policies_rules_changed(
    first: Policy, second: Policy
) -> None:
    node = ScannedNode(WorkloadEndpoint("cali1", "shop", "web"), settings=ScanSettings(SeriesChoice(("workload",))))
    kernel = Kernel(render(node_with(FIRST, SECOND)), "legacy")
    decided(node, kernel)
    kernel.send(Packet("cali1", Direction.INGRESS, 1), 3)
    assert list(decided(node, kernel).values()) == [3]
    kernel.send(Packet("cali1", Direction.INGRESS, 1), 40)
    kernel.write(render(node_with(first, second)))
    assert {own: value for own, value in decided(node, kernel).items() if value > 3} == {}


def test_a_rewrite_that_hides_behind_new_traffic_hides_no_later_denies() -> None:
    first = Policy(GNP, "first", selector="a", ingress=(deny(UDP, 1), allow(UDP, 2)))
    chain = (first, SECOND)
    node = ScannedNode(WorkloadEndpoint("cali1", "shop", "web"), settings=ScanSettings(SeriesChoice(("workload",))))
    kernel = Kernel(render(node_with(*chain)), "nft")
    decided(node, kernel)
    established = Packet("cali1", Direction.INGRESS, 2, state="ESTABLISHED")
    kernel.send(Packet("cali1", Direction.INGRESS, 1), 3)
    kernel.send(established, 1000)
    assert decided(node, kernel) == {"default.first deny": 3}

    third = Policy(GNP, "third", selector="c", ingress=(allow(UDP, 5),))
    kernel.write(render(Node(Era.E, (Endpoint("cali1", (*chain, third), (), kubernetes_profiles("shop")),))))
    kernel.send(Packet("cali1", Direction.INGRESS, 2), 5)
    kernel.send(established, 10)
    assert decided(node, kernel) == {"default.first deny": 3, "default.first allow": 5}

    kernel.send(Packet("cali1", Direction.INGRESS, 1), 2)
    assert decided(node, kernel) == {"default.first deny": 5, "default.first allow": 5}
