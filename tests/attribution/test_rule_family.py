"""Family `rule`: each deciding rule of a policy is one series, under the place that the rule has in its policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, IPVersion, PolicyKind
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, log, pass_on, render
from tests.felix.example import INTERFACE
from tests.felix.kernel import Kernel, Packet

UDP = 17
V4, V6 = ("10.0.0.0/8", "192.168.0.0/16"), ("fd00::/64",)
RULES = (log(UDP, 1), deny(UDP, 2), allow(UDP, 3, sources=V6), pass_on(UDP, 4), allow(UDP, 5, 6))
MANY = Policy(PolicyKind.NETWORK_POLICY, "default.many", "default", ingress=RULES, egress=RULES[4:])
SUBNETS = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.subnets", ingress=(deny(sources=V4), allow(UDP, 7)))
ENDPOINT = Endpoint(INTERFACE, ingress=(MANY, SUBNETS), egress=(MANY,))
RULE = ScanSettings(SeriesChoice(("rule",)))
WITHOUT_FLOW_LOGS = [*Era]
WITH_FLOW_LOGS = [era for era in Era if era >= Era.D]


def indexes(lines: list[str], policy: str, direction: str = "ingress", version: str = "ipv4") -> list[tuple[str, str]]:
    """Index and verdict of each packet series, in the order of the indexes."""
    return [
        (line.partition('calico.rule.index="')[2][0], line.partition('calico.verdict="')[2].partition('"')[0])
        for line in lines
        if line.startswith("calico.rule.packets")
        and f'"{policy}"' in line
        and f'direction="{direction}"' in line
        and f'"{version}"' in line
    ]


def scanned(node: Node) -> list[str]:
    scans = ScannedNode(WEB, settings=RULE)
    scans.start()
    return page(scans.scan(render(node, IPVersion.V4).dump(), render(node, IPVersion.V6).dump()))


@pytest.mark.parametrize("era", WITH_FLOW_LOGS)
def test_where_felix_writes_flow_logs_an_index_is_the_rules_place_in_the_policy(era: Era) -> None:
    lines = scanned(Node(era, (ENDPOINT,), flow_logs=True))
    assert indexes(lines, "default/default.many") == [("1", "deny"), ("3", "pass"), ("4", "allow")]
    of_v6 = [("1", "deny"), ("2", "allow"), ("3", "pass"), ("4", "allow")]
    assert indexes(lines, "default/default.many", version="ipv6") == of_v6
    assert indexes(lines, "default/default.many", "egress") == [("0", "allow")]
    assert indexes(lines, "default.subnets") == [("0", "deny"), ("1", "allow")]
    assert indexes(lines, "default.subnets", version="ipv6") == [("1", "allow")]


@pytest.mark.parametrize("era", WITHOUT_FLOW_LOGS)
def test_elsewhere_it_is_the_rules_place_among_those_written_for_the_ip_version(era: Era) -> None:
    lines = scanned(Node(era, (ENDPOINT,)))
    assert indexes(lines, "default/default.many") == [("1", "deny"), ("2", "pass"), ("3", "allow")]
    of_v6 = [("1", "deny"), ("2", "allow"), ("3", "pass"), ("4", "allow")]
    assert indexes(lines, "default/default.many", version="ipv6") == of_v6
    assert indexes(lines, "default.subnets", version="ipv6") == [("0", "allow")]


def test_a_rule_shows_the_kernels_counter_whenever_otel_calico_started() -> None:
    kernel = Kernel(render(Node(Era.E, (ENDPOINT,)), IPVersion.V4))
    kernel.send(Packet(INTERFACE, Direction.INGRESS, 2), 3)
    early, late = ScannedNode(WEB, settings=RULE), ScannedNode(WEB, settings=RULE)
    early.scan(kernel.dump())
    kernel.send(Packet(INTERFACE, Direction.INGRESS, 5), 4)
    counted = [line for line in page(early.scan(kernel.dump())) if not line.endswith(" 0")]
    common = (
        'calico.direction="ingress",calico.policy.kind="NetworkPolicy",calico.policy.name="default/default.many",'
        'calico.policy.namespace="default",calico.policy.tier="default"'
    )
    deny, allow = 'calico.rule.index="1",calico.verdict="deny"', 'calico.rule.index="3",calico.verdict="allow"'
    assert counted == [
        f'calico.rule.bytes{{{common},{deny},network.type="ipv4"}} 180',
        f'calico.rule.bytes{{{common},{allow},network.type="ipv4"}} 240',
        f'calico.rule.packets{{{common},{deny},network.type="ipv4"}} 3',
        f'calico.rule.packets{{{common},{allow},network.type="ipv4"}} 4',
    ]
    assert page(late.scan(kernel.dump())) == page(early.scan())


def test_rules_that_did_not_move_keep_their_readings_and_a_reset_is_not_lost() -> None:
    plain = replace(SUBNETS, ingress=(deny(UDP, 11), allow(UDP, 7)))
    kernel = Kernel(render(Node(Era.E, (replace(ENDPOINT, ingress=(MANY, plain)),)), IPVersion.V4), "legacy")
    node = ScannedNode(WEB, settings=RULE)
    kernel.send(Packet(INTERFACE, Direction.INGRESS, 7), 2)
    before = node.scan(kernel.dump())
    kernel.send(Packet(INTERFACE, Direction.INGRESS, 2))
    after = node.scan(kernel.dump())
    kept = [one for one in after.readings if any(one is former for former in before.readings)]
    assert {labels["calico.policy.name"] for one in kept for labels in one.series.labels} == {
        "default.subnets",
        "default/default.many",  # its egress chain
    }
    node.put(plain.resource)  # the datastore learns of a policy, so all is planned anew
    assert [id(one) for one in node.scan().readings] == [id(one) for one in after.readings]
    changed = replace(SUBNETS, ingress=(deny(UDP, 11), allow(UDP, 7), allow(UDP, 8)))
    kernel.write(render(Node(Era.E, (replace(ENDPOINT, ingress=(MANY, changed)),)), IPVersion.V4))
    kernel.zero()
    kernel.send(Packet(INTERFACE, Direction.INGRESS, 7))
    streams = {
        labels["calico.rule.index"]: (one.values[place], one.lost[place])
        for one in node.scan(kernel.dump()).readings
        if one.series.metric.name == "calico.rule.packets" and one.lost
        for place, labels in enumerate(one.series.labels)
        if labels["calico.policy.name"] == "default.subnets"
    }
    assert streams["1"] == (1, 2)


def test_two_policies_with_one_canonical_name_are_told_apart_by_their_chains() -> None:
    old = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.same", selector="a", ingress=(allow(UDP, 1),))
    new = replace(old, name="same", selector="b")
    lines = scanned(Node(Era.E, (Endpoint(INTERFACE, ingress=(old, new)),)))
    same = [line for line in lines if line.startswith("calico.rule.packets") and '"ipv4"' in line]
    assert len(same) == 2
    assert sum(",chain=" in line for line in same) == 1
