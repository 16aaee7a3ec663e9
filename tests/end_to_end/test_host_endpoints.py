"""Packets to the node itself, from it and through it: each is under its host endpoint, and under the rule it met."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import replace

import pytest

from otel_calico.calico.model import PolicyKind
from tests.end_to_end.cluster import UDP, WEB, felix_node, web_endpoint
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.resources import datastore, host_endpoint
from tests.felix import Era, HostEndpoint, Policy, allow, deny, log
from tests.node.service import Metrics

pytestmark = pytest.mark.node

NODE_ADDRESS = "198.51.100.254"
GUARD = Policy(
    PolicyKind.GLOBAL_NETWORK_POLICY,
    "default.host-guard",
    selector="has(host)",
    ingress=(log(UDP, 9090), deny(UDP, 9090), allow(UDP, 53)),
    egress=(allow(UDP, 514),),
)
TRANSIT = Policy(
    PolicyKind.GLOBAL_NETWORK_POLICY, "default.transit", selector="has(gate)", ingress=(allow(UDP, 8080, 9090),)
)
UPLINK = HostEndpoint("uplink", ingress=(GUARD,), egress=(GUARD,), forward_ingress=(TRANSIT,))
FAMILIES = {"OTEL_CALICO_METRICS_FAMILIES": "policy,workload,rule"}


def send(sender: socket.socket, address: str, port: int) -> None:
    with sender:
        sender.sendto(b"\0" * 32, (address, port))


def by_host_endpoint(page: Metrics) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for metric in ("calico_workload_policy_packets_total", "calico_workload_dropped_packets_total"):
        for key, value in page[metric].items():
            labels = dict(key)
            if labels.get("calico_host_endpoint_name") == "node-1-uplink" and labels["network_type"] == "ipv4":
                what = labels.get("calico_policy_name", ""), labels.get("calico_verdict", labels.get("reason", ""))
                traffic = labels.get("calico_host_endpoint_traffic") or labels["calico_table"]
                found[traffic, labels["calico_direction"], *what] = int(value)
    return +found


def by_rule(page: Metrics) -> Counter[tuple[str, ...]]:
    names = ("calico_policy_name", "calico_direction", "calico_rule_index", "calico_verdict")
    found: Counter[tuple[str, ...]] = Counter()
    for key, value in page["calico_rule_packets_total"].items():
        labels = dict(key)
        if labels["network_type"] == "ipv4":
            found[tuple(labels[name] for name in names)] += int(value)  # of every table
    return +found


@pytest.mark.parametrize(("backend", "era"), [("legacy", Era.E), ("nft", Era.D), ("nftables", Era.E)])
def test_traffic_of_the_node_itself_is_told_by_host_endpoint_and_by_rule(backend: str, era: Era) -> None:
    with LiveNode(backend) as node:
        node.run(WEB)
        node.program(replace(felix_node(era, web_endpoint(era)), hosts=(UPLINK,)))
        node.etcd.put_all(datastore(era) | dict([host_endpoint("node-1-uplink", "uplink")]))
        node.namespace.run("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", "lo")
        with node.service(FAMILIES) as service:
            service.start()
            for port in (53, 53, 9090, 9090, 9090, 5353):  # to the node
                send(node.outside.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM), NODE_ADDRESS, port)
            for port in (514, 514, 514, 514, 123):  # from it
                sender = node.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sender.bind((NODE_ADDRESS, 0))
                try:
                    send(sender, node.outside.addresses[4], port)
                except PermissionError:
                    assert port == 123  # a process of the node is told that its packet was dropped
            node.send({8080: 5, 9090: 2, 7070: 1})  # through it, to the web pod
            page = service.scrape()
            assert page["otel_calico_interfaces_without_workload"] == {frozenset(): 0}
            assert page["otel_calico_datastore_resources"][frozenset({("kind", "hostendpoints")})] == 1
    assert by_host_endpoint(page) == {
        ("local", "ingress", "default.host-guard", "allow"): 2,
        ("local", "ingress", "default.host-guard", "deny"): 3,
        ("local", "ingress", "", "end_of_tier"): 1,
        ("local", "egress", "default.host-guard", "allow"): 4,
        ("local", "egress", "", "end_of_tier"): 1,
        ("forwarded", "ingress", "default.transit", "allow"): 7,
        ("forwarded", "ingress", "", "end_of_tier"): 1,
    }
    rules = {
        rule: count for rule, count in by_rule(page).items() if rule[0] in ("default.host-guard", "default.transit")
    }
    assert rules == {
        ("default.host-guard", "ingress", "1", "deny"): 3,
        ("default.host-guard", "ingress", "2", "allow"): 2,
        ("default.host-guard", "egress", "0", "allow"): 4,
        ("default.transit", "ingress", "0", "allow"): 7,
    }
