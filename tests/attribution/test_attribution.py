"""Which series a ruleset yields: every era, setting and oddity, through the whole scan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, PolicyKind, WorkloadEndpoint
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP, POLICY_GROUP_INFO, POLICY_PACKETS
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import WEB, ScannedNode, dump, page
from tests.felix import Endpoint, Era, Node, PacketRate, Policy, allow, deny, kubernetes_profiles, pass_on, render
from tests.felix.example import ALLOW_WEB, DEFAULT_DENY, INTERFACE, UDP, example_node
from tests.felix.kernel import Kernel, Packet

NP, GNP = PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY
PROFILES = kubernetes_profiles("default")
TO_POD, FROM_POD = f"cali-tw-{INTERFACE}", f"cali-fw-{INTERFACE}"


def scanned(node: Node, *traffic: tuple[int, int], endpoints: tuple[WorkloadEndpoint, ...] = (WEB,)) -> Snapshot:
    """A snapshot after packets (port, number) to the pod, all since the start."""
    scanned_node, kernel = ScannedNode(*endpoints), Kernel(render(node))
    scanned_node.put(ALLOW_WEB.resource)  # its hashed chain says nothing in era A1
    scanned_node.start()
    scanned_node.scan(kernel.dump())
    for port, times in traffic:
        kernel.send(Packet(INTERFACE, Direction.INGRESS, port), times)
    return scanned_node.scan(kernel.dump())


def pod(*ingress: Policy, era: Era = Era.D, egress: tuple[Policy, ...] = (), **settings: object) -> Node:
    return Node(era, (Endpoint(INTERFACE, ingress, egress, PROFILES),), **settings)  # type: ignore[arg-type]


def by_policy(snapshot: Snapshot, *metrics: object) -> dict[str, int]:
    """Values by the `policy` label (or the tier), zeros included."""
    return {
        labels.get("policy") or labels.get("tier", "default"): value
        for readings in snapshot.readings
        if readings.series.metric in metrics
        for labels, value in zip(readings.series.labels, readings.values, strict=True)
    }


def policy(name: str, *rules: object, tier: str = "default", selector: str = "", kind: PolicyKind = GNP) -> Policy:
    return Policy(kind, f"{tier}.{name}", "shop" if kind is NP else "", tier, selector or name, tuple(rules))  # type: ignore[arg-type]


@pytest.mark.parametrize("era", Era)
@pytest.mark.parametrize("mark_mask", [0xFFFF0000, 0xFF000000, 0x1F0, 0x80807070])
@pytest.mark.parametrize("allow_action", ["ACCEPT", "RETURN"])
def test_the_example_traffic_is_attributed_whatever_felix_settings(era: Era, mark_mask: int, allow_action: str) -> None:
    node = replace(example_node(era), mark_mask=mark_mask, allow_action=allow_action)

    snapshot = scanned(node, (8080, 7), (9090, 3), (5353, 2))

    web = "default/knp.default.allow-web"
    group = f"{web},default/knp.default.default-deny" if era >= Era.E else web
    assert by_policy(snapshot, POLICY_ACCEPT) == {"default.block-9090": 0, group: 7}
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {"default.block-9090": 3}
    assert by_policy(snapshot, NO_POLICY_DROP) == {"default": 2}
    assert [line.rpartition(" ")[2] for line in page(snapshot, POLICY_PACKETS)] == ["3", "7"]
    assert snapshot.report.chains_without_name == ()


@pytest.mark.parametrize("era", [era for era in Era if era >= Era.A3])
def test_rejects_are_drops(era: Era) -> None:
    snapshot = scanned(replace(example_node(era), deny_action="REJECT"), (9090, 3), (5353, 2))
    assert by_policy(snapshot, POLICY_ACCEPT_DROP, NO_POLICY_DROP) == {"default.block-9090": 3, "default": 2}


@pytest.mark.parametrize("era", Era)
def test_a_policy_without_rules_is_reported_in_every_era(era: Era) -> None:
    node = ScannedNode(WEB)
    node.put(DEFAULT_DENY.resource)
    snapshot = node.scan(render(pod(DEFAULT_DENY, era=era)).dump())
    assert by_policy(snapshot, POLICY_ACCEPT) == {"default/knp.default.default-deny": 0}


@pytest.mark.parametrize("era", Era)
def test_a_policy_that_loses_its_rules_or_gets_some_is_reported_all_the_time(era: Era) -> None:
    node, kernel = ScannedNode(WEB), Kernel(render(pod(DEFAULT_DENY, era=era)))
    node.put(DEFAULT_DENY.resource)
    for rules in [(), (allow(UDP, 1),), (), (allow(UDP, 1), deny(UDP, 2)), ()]:
        kernel.write(render(pod(replace(DEFAULT_DENY, ingress=rules), era=era)))
        snapshot = node.scan(kernel.dump())
        assert by_policy(snapshot, POLICY_ACCEPT) == {"default/knp.default.default-deny": 0}
        assert len(page(snapshot, POLICY_PACKETS)) == len(rules)


@pytest.mark.parametrize("era", [Era.C, Era.D, Era.E])
@pytest.mark.parametrize("flow_logs", [False, True])
def test_each_tier_drops_for_itself(era: Era, *, flow_logs: bool) -> None:
    first = policy("a", pass_on(UDP, 1), allow(UDP, 2), deny(UDP, 3), tier="security")
    second = policy("b", allow(UDP, 1))
    node = pod(first, second, era=era, flow_logs=flow_logs and era >= Era.D)

    snapshot = scanned(node, (1, 10), (2, 20), (3, 30), (4, 40))

    assert by_policy(snapshot, POLICY_ACCEPT) == {"security.a": 20, "default.b": 10}
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {"security.a": 30}
    assert by_policy(snapshot, NO_POLICY_DROP) == {"security": 40, "default": 0}
    drops = [line for line in page(snapshot, NO_POLICY_DROP) if "tier=" not in line]
    assert len(drops) == 1


@pytest.mark.parametrize("flow_logs", [False, True])
def test_a_tier_that_passes_by_default_drops_nothing(*, flow_logs: bool) -> None:
    first = policy("a", deny(UDP, 3), tier="security")
    second = policy("b", allow(UDP, 1))
    node = pod(first, second, flow_logs=flow_logs, pass_tiers=frozenset({"security"}))

    snapshot = scanned(node, (1, 10), (3, 30), (4, 40))

    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {"security.a": 30}
    assert by_policy(snapshot, NO_POLICY_DROP) == {"default": 40}


def test_passed_packets_are_the_policys_and_not_its_denies() -> None:
    mixed = policy("mixed", pass_on(UDP, 1), deny(UDP, 3))
    snapshot = scanned(pod(mixed, policy("other", allow(UDP, 2))), (1, 10), (2, 20), (3, 30), (4, 40))
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {"default.mixed": 30}
    verdicts = {line.rpartition('verdict="')[2].replace('"} ', " ") for line in page(snapshot, POLICY_PACKETS)}
    assert verdicts == {"pass 10", "deny 30", "allow 20"}


def test_denies_that_nothing_exact_tells_are_not_guessed() -> None:
    one, two = (policy(name, pass_on(UDP, port), deny(UDP, port + 10)) for name, port in (("one", 1), ("two", 2)))
    snapshot = scanned(pod(one, two), (1, 10), (2, 20), (11, 5), (12, 6))
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {}


@pytest.mark.parametrize("era", [Era.B, Era.C, Era.D, Era.E])
@pytest.mark.parametrize("members", [2, 5, 6, 11])
def test_a_group_is_one_series_of_its_members_in_order(era: Era, members: int) -> None:
    group = [policy(f"p{place}", allow(UDP, place), selector="same") for place in range(1, members + 1)]
    snapshot = scanned(pod(*group, era=era), *((place, place) for place in range(1, members + 1)))

    assert by_policy(snapshot, POLICY_ACCEPT) == {
        ",".join(f"default.p{place}" for place in range(1, members + 1)): sum(range(1, members + 1))
    }
    assert len(page(snapshot, POLICY_GROUP_INFO)) == members
    packets = sorted(int(line.rpartition(" ")[2]) for line in page(snapshot, POLICY_PACKETS))
    assert packets == list(range(1, members + 1))


def test_very_long_groups_are_cut_and_stay_apart() -> None:
    def group(selector: str) -> list[Policy]:
        return [policy(f"a-rather-long-name-{place}", allow(UDP, place), selector=selector) for place in range(40)]

    node = pod(*group("a"), policy("between", allow(UDP, 99)), *group("b"))
    snapshot = scanned(node, (1, 5))

    labels = [label for label in by_policy(snapshot, POLICY_ACCEPT) if "," in label]
    assert len(labels) == 2
    assert all(len(label) < 300 and ",cali-gi-" in label for label in labels)
    assert all(label.startswith("default.a-rather-long-name-0,default.a-rather-long-name-1,") for label in labels)


def tier_block(target: str, start: str) -> str:
    accepted, dropped = "Return if policy accepted", "Drop if no policies passed packet"
    rules = [
        f'[12:720] -A {TO_POD} -m comment --comment "{start}" -j MARK --set-xmark 0x0/0x20000',
        f"[12:720] -A {TO_POD} -m mark --mark 0x0/0x20000 -j {target}",
        f'[7:420] -A {TO_POD} -m comment --comment "{accepted}" -m mark --mark 0x10000/0x10000 -j RETURN',
        f'[2:120] -A {TO_POD} -m comment --comment "{dropped}" -m mark --mark 0x0/0x20000 -j DROP',
    ]
    return "\n".join(rules)


@pytest.mark.parametrize("family", ["accountant", "policy"])
def test_a_family_that_is_off_is_not_reported(family: str) -> None:
    node = ScannedNode(WEB, settings=ScanSettings(SeriesChoice((family,))))
    snapshot = node.scan(render(example_node(Era.E)).dump())
    assert {readings.series.metric.family for readings in snapshot.readings} == {family}


def test_an_unknown_interface_is_reported_and_yields_no_series() -> None:
    snapshot = scanned(example_node(Era.E), (8080, 7), endpoints=())
    assert snapshot.report.interfaces_without_workload == (INTERFACE,)
    assert {readings.series.metric.family for readings in snapshot.readings} == {"policy"}


def test_interfaces_with_equal_labels_stay_apart() -> None:
    twins = tuple(WorkloadEndpoint(interface, "default", "twin") for interface in (INTERFACE, "cali2"))
    node, ruleset = ScannedNode(*twins), render(example_node(Era.E, INTERFACE, "cali2"))
    lines = page(node.scan(ruleset.dump()), NO_POLICY_DROP)
    assert [line.split('interface="')[1].split('"')[0] for line in lines] == [INTERFACE, "cali2"]


def test_a_tier_that_comes_twice_in_one_chain_stays_free_of_equal_series() -> None:
    first, second = "cali-pi-t1/t1.a", "cali-pi-t1/t1.b"
    blocks = [tier_block(chain, "Start of tier t1") for chain in (first, second, first)]
    node = ScannedNode(WEB)
    rules = [f"[1:60] -A {chain} -j DROP" for chain in (first, second)]
    snapshot = node.scan(dump("\n".join([*rules, *blocks])))
    assert snapshot.failure is None


def test_an_endpoint_that_is_down_has_no_series_and_does_no_harm() -> None:
    down = replace(example_node(Era.E).endpoints[0], admin_up=False)
    other = replace(example_node(Era.E).endpoints[0], interface="cali2")
    snapshot = scanned(Node(Era.E, (down, other)), endpoints=(WEB, WorkloadEndpoint("cali2", "default", "web-1")))
    pods = {line.split('pod="')[1].split('"')[0] for line in page(snapshot, NO_POLICY_DROP, POLICY_ACCEPT)}
    assert pods == {"web-1"}


@pytest.mark.parametrize("era", [Era.D, Era.E])
def test_rate_limits_change_nothing_about_policies(era: Era) -> None:
    endpoint = example_node(era).endpoints[0]
    limited = ScannedNode(WEB).scan(render(Node(era, (replace(endpoint, packet_rate=PacketRate(10, 20)),))).dump())
    plain = ScannedNode(WEB).scan(render(Node(era, (endpoint,))).dump())
    assert page(limited) == page(plain)


def test_labels_are_taken_from_the_workload_as_they_are() -> None:
    odd = WorkloadEndpoint(INTERFACE, "default", 'we"b\\\n-ü', ("fd00::5", "10.0.0.5"), {"app": 'a"p\np'})
    node = ScannedNode(odd)
    snapshot = node.scan(render(example_node(Era.E)).dump())
    (drops,) = (readings for readings in snapshot.readings if readings.series.metric is NO_POLICY_DROP)
    assert [dict(labels) for labels in drops.series.labels] == [
        {"pod": 'we"b\\\n-ü', "pod_namespace": "default", "app": 'a"p\np', "ip": "10.0.0.5,fd00::5", "type": "tw"}
    ]
