"""When a policy was last hit: by the clock of the scans, and 0 for every policy that was not since the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from otel_calico.calico.model import Direction, IPVersion
from otel_calico.metrics import POLICY_LAST_HIT
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import WEB, ScannedNode
from tests.felix import Endpoint, Era, Node, allow, deny, render
from tests.felix.example import ALLOW_WEB, DEFAULT_DENY, INTERFACE, UDP, block_9090
from tests.felix.kernel import Kernel, Packet

ALLOW, BLOCK = "default/knp.default.allow-web", "default.block-9090"
BLOCKING = block_9090(Era.E)


def endpoint(*policies: object, **changed: object) -> Node:
    return Node(Era.E, (Endpoint(INTERFACE, ingress=policies or (BLOCKING, ALLOW_WEB, DEFAULT_DENY), **changed),))  # type: ignore[arg-type]


def readings(snapshot: Snapshot) -> Readings:
    (found,) = (one for one in snapshot.readings if one.series.metric is POLICY_LAST_HIT)
    return found


def times(snapshot: Snapshot) -> Mapping[str, int]:
    found = readings(snapshot)
    return dict(zip((labels["calico.policy.name"] for labels in found.series.labels), found.values, strict=True))


def send(kernel: Kernel, port: int) -> None:
    kernel.send(Packet(INTERFACE, Direction.INGRESS, port))


def test_the_time_is_that_of_the_scan_that_first_saw_the_hit() -> None:
    node, kernel = ScannedNode(WEB), Kernel(render(endpoint(), IPVersion.V4))
    assert times(node.scan(kernel.dump())) == {ALLOW: 0, BLOCK: 0}  # a policy without rules cannot be hit
    send(kernel, 8080)
    first = node.scan(kernel.dump())
    assert times(first) == {ALLOW: int(first.taken), BLOCK: 0}
    send(kernel, 9090)
    second = node.scan(kernel.dump())
    assert times(second) == {ALLOW: int(first.taken), BLOCK: int(second.taken)}
    third = node.scan()
    assert readings(third) is readings(second)


def test_hits_before_the_start_have_no_time() -> None:
    kernel = Kernel(render(endpoint(), IPVersion.V4))
    send(kernel, 8080)
    node = ScannedNode(WEB)
    assert times(node.scan(kernel.dump())) == {ALLOW: 0, BLOCK: 0}
    assert times(node.scan()) == {ALLOW: 0, BLOCK: 0}


def test_a_policy_that_is_hit_before_it_is_first_seen_was_hit_since_the_start() -> None:
    node, kernel = ScannedNode(WEB), Kernel(render(endpoint(BLOCKING), IPVersion.V4))
    node.scan(kernel.dump())
    kernel.write(render(endpoint(), IPVersion.V4))
    send(kernel, 8080)
    snapshot = node.scan(kernel.dump())
    assert times(snapshot) == {ALLOW: int(snapshot.taken), BLOCK: 0}


def test_neither_a_reset_nor_an_edit_of_the_policy_hits_it_or_makes_its_time_forgotten() -> None:
    node, kernel = ScannedNode(WEB), Kernel(render(endpoint(), IPVersion.V4))
    node.scan(kernel.dump())
    send(kernel, 9090)
    hit = node.scan(kernel.dump())
    kernel.zero()
    assert times(node.scan(kernel.dump())) == {ALLOW: 0, BLOCK: int(hit.taken)}
    turned = replace(BLOCKING, ingress=(allow(UDP, 1), deny(UDP, 2)))
    kernel.write(render(endpoint(turned, ALLOW_WEB, DEFAULT_DENY), IPVersion.V4))
    assert times(node.scan(kernel.dump())) == {ALLOW: 0, BLOCK: int(hit.taken)}


def test_a_hit_in_either_direction_or_ip_version_counts() -> None:
    both_ways = replace(BLOCKING, egress=(allow(UDP, 53),))
    described = Node(Era.E, (Endpoint(INTERFACE, ingress=(both_ways,), egress=(both_ways,)),))
    four, six = (Kernel(render(described, version)) for version in IPVersion)
    node = ScannedNode(WEB)
    node.scan(four.dump(), six.dump())
    six.send(Packet(INTERFACE, Direction.EGRESS, 53))
    snapshot = node.scan(four.dump(), six.dump())
    assert times(snapshot) == {BLOCK: int(snapshot.taken)}


def test_the_time_is_forgotten_with_the_policy() -> None:
    node, kernel = ScannedNode(WEB), Kernel(render(endpoint(), IPVersion.V4))
    node.scan(kernel.dump())
    send(kernel, 9090)
    node.scan(kernel.dump())
    kernel.write(render(endpoint(ALLOW_WEB, DEFAULT_DENY), IPVersion.V4))
    assert times(node.scan(kernel.dump())) == {ALLOW: 0}
    kernel.write(render(endpoint(), IPVersion.V4))
    assert times(node.scan(kernel.dump())) == {ALLOW: 0, BLOCK: 0}
