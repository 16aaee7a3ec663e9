"""Counts since the start: history stays out, what comes later is in, resets neither invent nor repeat anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from otel_calico.calico.model import Direction, IPVersion, PolicyKind
from otel_calico.metrics import POLICY_ACCEPT, POLICY_ACCEPT_DROP, POLICY_BYTES, POLICY_PACKETS, Metric
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles, render
from tests.felix.example import INTERFACE, UDP
from tests.felix.kernel import SIZE, Kernel, Packet
from tests.sources.memory import BARE

GNP = PolicyKind.GLOBAL_NETWORK_POLICY
TO_POD = Direction.INGRESS
MIXED = Policy(GNP, "default.mixed", ingress=(deny(UDP, 1), allow(UDP, 2)))
OTHER = Policy(GNP, "default.other", selector="other", ingress=(allow(UDP, 3),))
BOTH_BACKENDS = pytest.mark.parametrize("backend", ["legacy", "nft"])


def node_with(*ingress: Policy, era: Era = Era.D) -> Node:
    return Node(era, (Endpoint(INTERFACE, ingress, profiles=kubernetes_profiles("default")),))


def kernel_with(*ingress: Policy, backend: str = "nft") -> Kernel:
    return Kernel(render(node_with(*ingress)), backend)


def send(kernel: Kernel, port: int, times: int) -> None:
    kernel.send(Packet(INTERFACE, TO_POD, port), times)


def readings_of(snapshot: Snapshot, metric: Metric) -> Readings:
    (found,) = (readings for readings in snapshot.readings if readings.series.metric is metric)
    return found


def by(snapshot: Snapshot, metric: Metric, key: str) -> Mapping[str, int]:
    found = readings_of(snapshot, metric)
    return {labels[key]: value for labels, value in zip(found.series.labels, found.values, strict=True)}


def verdicts(snapshot: Snapshot, metric: Metric = POLICY_PACKETS) -> Mapping[str, int]:
    return by(snapshot, metric, "calico.verdict")


def denies(snapshot: Snapshot) -> Mapping[str, int]:
    return by(snapshot, POLICY_ACCEPT_DROP, "policy")


def test_rules_of_the_first_scan_count_from_their_value_then() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED)
    send(kernel, 1, 5)
    send(kernel, 2, 50)

    first = node.scan(kernel.dump())
    assert (denies(first), verdicts(first)) == ({"default.mixed": 0}, {"deny": 0, "allow": 0})

    send(kernel, 1, 2)
    send(kernel, 2, 3)
    second = node.scan(kernel.dump())
    assert (denies(second), verdicts(second)) == ({"default.mixed": 2}, {"deny": 2, "allow": 3})
    assert verdicts(second, POLICY_BYTES) == {"deny": 2 * SIZE, "allow": 3 * SIZE}


def test_rules_that_appear_later_count_in_full() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(OTHER)
    node.scan(kernel.dump())

    kernel.write(render(node_with(OTHER, MIXED)))
    send(kernel, 1, 4)
    send(kernel, 2, 6)
    snapshot = node.scan(kernel.dump())

    packets = readings_of(snapshot, POLICY_PACKETS)
    names = [(labels["calico.policy.name"], labels["calico.verdict"]) for labels in packets.series.labels]
    assert dict(zip(names, packets.values, strict=True)) == {
        ("default.other", "allow"): 0,
        ("default.mixed", "deny"): 4,
        ("default.mixed", "allow"): 6,
    }


def test_a_policy_whose_rules_change_places_keeps_each_verdict_under_its_label() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED)
    node.scan(kernel.dump())
    send(kernel, 1, 1)
    send(kernel, 2, 20)
    node.scan(kernel.dump())

    kernel.write(render(node_with(replace(MIXED, ingress=MIXED.ingress[::-1]))))
    snapshot = node.scan(kernel.dump())

    assert verdicts(snapshot) == {"deny": 1, "allow": 20}


@BOTH_BACKENDS
def test_a_rewrite_of_the_endpoint_chain_books_no_difference_but_keeps_the_total(backend: str) -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED, backend=backend)
    node.scan(kernel.dump())
    send(kernel, 1, 5)
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 5}

    send(kernel, 3, 40)
    kernel.write(render(node_with(MIXED, OTHER)))
    send(kernel, 1, 3)
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 5}

    send(kernel, 1, 1)
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 6}


@BOTH_BACKENDS
def test_a_reset_of_one_policy_chain_leaves_the_other_policies_alone(backend: str) -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED, OTHER, backend=backend)
    node.scan(kernel.dump())
    send(kernel, 1, 5)
    send(kernel, 2, 6)
    send(kernel, 3, 7)
    node.scan(kernel.dump())

    kernel.write(render(node_with(replace(MIXED, ingress=(deny(UDP, 1, 9), allow(UDP, 2))), OTHER)))
    send(kernel, 1, 1)
    send(kernel, 2, 1)
    send(kernel, 3, 1)
    snapshot = node.scan(kernel.dump())

    lines = [line.rpartition(" ")[2] for line in page(snapshot, POLICY_PACKETS)]
    assert sorted(lines) == ["6", "7", "8"]


def test_zeroed_counters_add_to_what_was_counted() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED)
    node.scan(kernel.dump())
    send(kernel, 1, 5)
    send(kernel, 2, 6)
    node.scan(kernel.dump())

    kernel.zero()
    send(kernel, 2, 2)
    snapshot = node.scan(kernel.dump())

    assert verdicts(snapshot) == {"deny": 5, "allow": 8}
    accepted = readings_of(snapshot, POLICY_ACCEPT)
    assert (list(accepted.values), list(accepted.lost)) == ([2], [6])
    assert denies(snapshot) == {"default.mixed": 5}


def test_both_ip_versions_of_a_policy_count_together_and_its_workloads_apart() -> None:
    node, ipv4 = ScannedNode(WEB), kernel_with(MIXED)
    ipv6 = Kernel(render(node_with(MIXED), IPVersion.V6))
    node.scan(BARE, BARE)
    send(ipv4, 2, 3)
    send(ipv6, 2, 4)

    snapshot = node.scan(ipv4.dump(), ipv6.dump())

    assert verdicts(snapshot) == {"deny": 0, "allow": 7}
    accepted = page(snapshot, POLICY_ACCEPT)
    assert {('ip_version="6"' in line, line.rpartition(" ")[2]) for line in accepted} == {(False, "3"), (True, "4")}


@pytest.mark.parametrize("line", range(7))
def test_a_garbled_counter_spoils_one_scan_and_nothing_after_it(line: int) -> None:
    node, ipv4 = ScannedNode(WEB), kernel_with(MIXED)
    ipv6 = Kernel(render(node_with(MIXED), IPVersion.V6))
    node.scan(ipv4.dump(), ipv6.dump())
    for times in (10, 1):
        for kernel in (ipv4, ipv6):
            kernel.zero()
            send(kernel, 1, times)
            send(kernel, 2, times)
        node.scan(ipv4.dump(), ipv6.dump())
    for kernel in (ipv4, ipv6):
        send(kernel, 1, 1)
        send(kernel, 2, 1)

    text = ipv6.dump()
    spot = [found.start() for found in re.finditer(r"\[(1|2|4):\d+\] -A cali-[tp]", text)][line]
    spoilt = node.scan(ipv4.dump(), f"{text[:spot]}[x:{text[spot + 1 :]}")

    snapshot = node.scan(ipv4.dump(), ipv6.dump())
    assert spoilt.failure
    assert spoilt.failure.kind == "garbage"
    accepted = [readings for readings in snapshot.readings if readings.series.metric is POLICY_ACCEPT]
    streams = [(list(readings.values), list(readings.lost)) for readings in accepted]
    assert (verdicts(snapshot), streams) == ({"deny": 24, "allow": 24}, [([2], [10]), ([2], [10])])


def test_so_does_one_in_a_rule_that_nobody_read_until_then() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED)
    node.scan(kernel.dump())
    text = kernel.dump()
    for found in re.finditer(r"\[[0-9:]+\] -A cali-", text):
        spoilt = node.scan(f"{text[: found.start()]}[x:{text[found.start() + 1 :]}")
        assert spoilt.failure
        assert spoilt.failure.kind == "garbage"

    send(kernel, 2, 4)
    node.source.unlocked = True  # so that every counter is compared with the one before
    snapshot = node.scan(kernel.dump())
    assert (snapshot.failure, verdicts(snapshot)) == (None, {"deny": 0, "allow": 4})


def test_a_scan_left_out_by_the_minimum_counter_is_not_taken_for_a_reset() -> None:
    node = ScannedNode(WEB, settings=ScanSettings(minimum_counter=5))
    kernel = kernel_with(MIXED)
    node.scan(kernel.dump())
    send(kernel, 1, 100)
    send(kernel, 2, 100)
    before = node.scan(kernel.dump())

    left_out = node.scan(kernel.ruleset.dump())
    assert (left_out.readings, left_out.report.below_minimum) == ((), True)

    after = node.scan(kernel.dump())
    assert page(after) == page(before)
    assert sum(readings_of(after, POLICY_ACCEPT).lost) == 0
