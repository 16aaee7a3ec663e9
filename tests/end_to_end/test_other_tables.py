"""Packets that meet rules of the tables raw and mangle: policies without tracking, before DNAT, and spoofed sources."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from otel_calico.calico.model import IPVersion, PolicyKind
from tests.end_to_end.cluster import UDP, WEB, felix_node, web_endpoint
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.resources import datastore, host_endpoint
from tests.end_to_end.test_host_endpoints import NODE_ADDRESS, send
from tests.end_to_end.test_report_and_explain import BYTES, printed
from tests.felix import Era, HostEndpoint, Policy, allow, deny, render
from tests.felix.description import TABLES
from tests.node.iptables import load
from tests.node.service import Metrics

pytestmark = pytest.mark.node

UNTRACKED = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.untracked", ingress=(deny(UDP, 6100), allow(UDP, 6101)))
BEFORE_DNAT = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.before-dnat", ingress=(deny(UDP, 6200),))
GUARD = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "default.host-guard", ingress=(deny(UDP, 6300),))
UPLINK = HostEndpoint("uplink", ingress=(GUARD,), untracked_ingress=(UNTRACKED,), pre_dnat=(BEFORE_DNAT,))
SPOOFED = "203.0.113.9"
ENVIRONMENT = {
    "OTEL_CALICO_METRICS_FAMILIES": "policy,workload,rule",
    "OTEL_CALICO_IPTABLES_TABLES": "filter,raw,mangle",
}
DROPS = """\
WORKLOAD               DIRECTION  TIER     POLICY               VERDICT  PACKETS
(whole node)           ingress    default  default.before-dnat  deny           7  *
(whole node)           ingress    default  default.untracked    deny           6  *
(whole node)                               (reverse path)       drop           5
node-1-uplink (local)  ingress    default  default.host-guard   deny           3  ~

~ worked out from several rules: true unless Felix rewrote only some of them
* all endpoints of this node together: only that is counted
"""
EXPLAINED = """\
GlobalNetworkPolicy default.before-dnat: ingress, IPv4, table mangle, chain CHAIN
  denied 7*
  packets that came in through host endpoint node-1-uplink (table mangle): entered 10, accepted 0
"""


@pytest.fixture(params=DATAPLANES)
def node(request: pytest.FixtureRequest) -> Iterator[LiveNode]:
    with LiveNode(request.param) as live:
        live.run(WEB)
        felix = replace(felix_node(Era.E, web_endpoint(Era.E)), hosts=(UPLINK,))
        live.program(felix)
        for version in IPVersion if request.param != "nftables" else ():
            for table in TABLES[1:]:
                load(live.namespace, render(felix, version, table).restore(), request.param, version)
        live.etcd.put_all(datastore(Era.E) | dict([host_endpoint("node-1-uplink", "uplink")]))
        live.namespace.run("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", "lo")
        yield live


def meet(node: LiveNode) -> None:
    """Packets from outside to the node, and some of the web pod that say they come from elsewhere."""
    for port, packets in {6100: 6, 6101: 2, 6200: 7, 6300: 3}.items():
        for _ in range(packets):
            send(node.outside.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM), NODE_ADDRESS, port)
    pod = node.pods[WEB.pod]
    pod.namespace.run("ip", "address", "add", f"{SPOOFED}/32", "dev", "lo")
    for _ in range(5):
        sender = pod.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind((SPOOFED, 0))
        send(sender, node.outside.addresses[4], 8080)


def told(page: Metrics, metric: str, *names: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for key, value in page[metric].items():
        labels = dict(key)
        found[tuple(labels.get(name, "") for name in names)] += int(value)
    return +found


def test_what_rules_of_other_tables_counted_is_told_as_it_was_sent(node: LiveNode) -> None:
    with node.service(ENVIRONMENT) as service:
        service.start()
        meet(node)
        page = service.scrape()
    assert told(page, "calico_policy_packets_total", "calico_policy_name", "calico_verdict") == {
        ("default.untracked", "deny"): 6,
        ("default.untracked", "allow"): 2,
        ("default.before-dnat", "deny"): 7,
        ("default.host-guard", "deny"): 3,
    }
    assert told(page, "calico_rule_packets_total", "calico_policy_name", "calico_table", "calico_rule_index") == {
        ("default.untracked", "raw", "0"): 6,
        ("default.untracked", "raw", "1"): 2,
        ("default.before-dnat", "mangle", "0"): 7,
        ("default.host-guard", "", "0"): 3,
    }
    assert told(page, "calico_node_dropped_packets_total", "reason", "calico_table") == {("reverse_path", "raw"): 5}
    host = ("calico_host_endpoint_traffic", "calico_table", "calico_policy_name", "calico_verdict")
    of_host = told(page, "calico_workload_policy_packets_total", "calico_host_endpoint_name", *host)
    assert {key: packets for key, packets in of_host.items() if key[0]} == {
        ("node-1-uplink", "", "raw", "default.untracked", "allow"): 2,
        ("node-1-uplink", "local", "", "default.host-guard", "deny"): 3,
    }
    code, out, _ = printed(node, "report", "--drops", env=ENVIRONMENT)
    lines = BYTES.sub("", out).splitlines()
    asked = [line for line in lines if " egress " not in line]  # what the node answers are errors of ICMP
    assert (code, asked) == (0, DROPS.splitlines())
    code, out, _ = printed(node, "explain", "before-dnat", env=ENVIRONMENT)
    of_ipv4 = re.sub(r"cali-pi-\S+", "CHAIN", out).partition("\n\n")[0]
    assert (code, of_ipv4.splitlines()) == (0, EXPLAINED.splitlines())


def test_without_the_setting_iptables_is_asked_for_one_table(node: LiveNode) -> None:
    with node.service({"OTEL_CALICO_METRICS_FAMILIES": "policy"}) as service:
        service.start()
        meet(node)
        page = service.scrape()
    tables = {("raw",)} if node.backend == "nftables" else set()
    assert set(told(page, "calico_node_dropped_packets_total", "calico_table")) == tables
