"""One sentence says what matters most."""

from __future__ import annotations

import pytest

from otel_calico.calico.model import Direction
from otel_calico.explain.conclusion import conclusion
from tests.explain.test_path import ALLOW, BLOCK, FIRST, MIXED, NONE, OTHER, node, send
from tests.explain.views import WEB, paths, scan, to_web
from tests.felix import Endpoint, Era, HostEndpoint, Node, kubernetes_profiles, render
from tests.felix.kernel import Kernel, Packet

DROPPED = "packets to shop/web were dropped at the end of tier default: none of its 3 ingress policies accepted them."


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "No packet to shop/web has met its policies."),
        ({8080: 1200}, "No packet to shop/web was dropped: policies accepted 1,200."),
        ({8080: 5, 9090: 3, 5353: 2}, "3 packets to shop/web were denied by policy default.block."),
        ({8080: 5, 9090: 3, 5353: 41}, f"41 {DROPPED}"),
    ],
)
def test_the_largest_drop_is_told(counts: dict[int, int], sentence: str) -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW, NONE)))
    send(kernel, counts)
    assert conclusion(to_web(kernel)) == sentence


def test_since_a_former_look_only_what_moved_is_told() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW, NONE)))
    send(kernel, {9090: 300})
    former = scan(kernel)
    assert conclusion(to_web(kernel, former), "14:02") == "Since 14:02 no packet to shop/web has met its policies."
    send(kernel, {5353: 41})
    assert conclusion(to_web(kernel, former), "14:02") == f"Since 14:02 41 {DROPPED}"


UNTOLD = "3 packets to shop/web may have been denied by policy default.{}: no rule counts those of one endpoint."


def test_denies_that_nothing_tells_apart_are_not_taken_for_none() -> None:
    kernel = Kernel(render(node(MIXED, OTHER)))
    send(kernel, {80: 1, 53: 2, 54: 4})
    assert (
        conclusion(to_web(kernel)) == "No packet to shop/web was dropped: policies accepted 1 and profiles accepted 6."
    )
    send(kernel, {9090: 3})
    assert conclusion(to_web(kernel)) == f"Up to {UNTOLD.format('mixed')}"


def test_denies_of_rules_that_were_written_anew_are_not_taken_for_none() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW)))
    send(kernel, {8080: 7, 9090: 9})
    former = scan(kernel)
    kernel.zero()
    send(kernel, {8080: 2})
    assert conclusion(to_web(kernel, former), "14:02") == (
        "Since 14:02 no packet to shop/web was dropped: policies accepted 2."
    )
    send(kernel, {9090: 3})
    assert conclusion(to_web(kernel, former), "14:02") == f"Since 14:02 up to {UNTOLD.format('block')}"


def test_of_a_total_that_a_rewrite_spoilt_only_what_is_certain_is_told() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW)), "legacy")
    send(kernel, {8080: 7, 9090: 3})
    kernel.write(render(node(BLOCK, FIRST, ALLOW)))
    assert conclusion(to_web(kernel)) == f"Up to {UNTOLD.format('block')}"
    former = scan(kernel)
    send(kernel, {9090: 2})
    assert conclusion(to_web(kernel, former), "14:02") == (
        "Since 14:02 2 packets to shop/web were denied by policy default.block."
    )


def test_an_only_policy_is_named() -> None:
    kernel = Kernel(render(node(ALLOW)))
    send(kernel, {5353: 1})
    assert conclusion(to_web(kernel)) == (
        "1 packet to shop/web was dropped at the end of tier default: its only ingress policy, shop/knp.default.allow, "
        "did not accept it."
    )


def test_without_policies_the_profiles_are_told() -> None:
    pods = (Endpoint(WEB, profiles=kubernetes_profiles("shop")), Endpoint("cali1"), Endpoint("cali2", admin_up=False))
    kernel = Kernel(render(Node(Era.E, pods)))
    for interface in (WEB, "cali1", "cali2"):
        kernel.send(Packet(interface, Direction.EGRESS, 53), 2)
    assert [conclusion(path) for path in paths(kernel)] == [
        "No packet to cali1 has met its profiles, and no policy applies.",
        "2 packets from cali1 were dropped because no profile accepted them.",
        "No packet to cali2 has met its profiles, and no policy applies.",
        "2 packets from cali2 were dropped because the endpoint is disabled.",
        "No packet to shop/web has met its profiles, and no policy applies.",
        "No packet from shop/web was dropped: profiles accepted 2.",
    ]


def test_traffic_of_the_node_itself_is_called_so() -> None:
    host = HostEndpoint("eth0", ingress=(FIRST,), forward_ingress=(FIRST,))
    kernel = Kernel(render(Node(Era.E, hosts=(host,))))
    told = [conclusion(path) for path in paths(kernel) if path.tiers]
    assert told == [
        "No packet that came in through interface eth0 (forwarded) has met its policies.",
        "No packet that came in through interface eth0 (local) has met its policies.",
    ]
