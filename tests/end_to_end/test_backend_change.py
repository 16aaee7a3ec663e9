"""Felix changes its backend on a running node: its new table is shown, and the former one, still in force, is told."""

from __future__ import annotations

import re
from html import unescape

import pytest

from otel_calico.calico.model import PolicyKind
from tests.end_to_end.cluster import NAMESPACE, UDP, Workload, client_endpoint, felix_node, web_endpoint
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.resources import endpoint, policy_entry
from tests.end_to_end.test_check import check
from tests.end_to_end.test_report_and_explain import printed
from tests.end_to_end.traffic import policy_labels
from tests.felix import Endpoint, Era, Policy, allow, kubernetes_profiles
from tests.node.iptables import load, save
from tests.node.service import Service

pytestmark = pytest.mark.node

LATE = Policy(
    PolicyKind.NETWORK_POLICY, "knp.default.late", NAMESPACE, selector='app == "late"', ingress=(allow(UDP, 8080),)
)
LATE_POD = Workload("late-0", "late", "cali33333333333", "10.65.0.5", "fd00:65::5")
SOMEBODY_ELSES = """\
*filter
:mine - -
-A FORWARD -s 192.0.2.7/32 -m comment --comment "not cali" -j mine
-A mine -j RETURN
COMMIT
"""


def backends(service: Service, metric: str) -> list[str]:
    return [dict(labels)["backend"] for labels in service.scrape().get(f"otel_calico_{metric}_info", {})]


def dropped(service: Service) -> dict[str, float]:
    """Packets that the former table dropped, which knows no pod that came later."""
    found = service.scrape()["calico_node_dropped_packets_total"]
    return {
        f"{labels['calico_direction']} {labels.get('network_type', 'ipv4')}": value
        for labels, value in ((dict(key), value) for key, value in found.items())
        if labels["reason"] == "former_backend" and "calico_direction" in labels
    }


@pytest.mark.parametrize(
    ("former", "current"), [("legacy", "nft"), ("nft", "legacy"), ("nft", "nftables"), ("nftables", "legacy")]
)
def test_the_table_that_felix_keeps_is_shown_and_the_former_one_told_until_it_is_removed(
    former: str, current: str
) -> None:
    with LiveNode.of_era(Era.E, former) as node:
        if former != "nftables":
            load(node.namespace, SOMEBODY_ELSES, former)
        service = node.service().start()
        assert (backends(service, "backend"), backends(service, "former_backend")) == ([former], [])

        pods = web_endpoint(Era.E), client_endpoint(Era.E)
        node.move(current, felix_node(Era.E, *pods))
        late = Endpoint(LATE_POD.interface, ingress=(LATE,), profiles=kubernetes_profiles(NAMESPACE))
        for entry in (endpoint(LATE_POD), policy_entry(LATE, Era.E)):
            node.etcd.put(*entry)
        late_pod = node.run(LATE_POD)
        node.program(felix_node(Era.E, *pods, late))

        # Within seconds, not when all is looked at anew after a minute.
        service.wait(lambda: backends(service, "backend") == [current], f"backend {current}", seconds=10)
        page = service.scrape()
        assert policy_labels("default/knp.default.late", "KubernetesNetworkPolicy", "allow") in {
            *page["calico_policy_packets_total"]
        }
        assert backends(service, "former_backend") == [former]
        before = dropped(service)
        for ip_version in (4, 6):
            node.outside.send_udp(late_pod, 8080, 5, ip_version)
        assert {key: value - before[key] for key, value in dropped(service).items()} == {
            "ingress ipv4": 5,
            "egress ipv4": 0,
            "ingress ipv6": 5,
            "egress ipv6": 0,
        }
        reported = printed(node, "report", "--drops")[1]
        rows = re.findall(r"^\(whole node\) +(\w+) +\(former backend\) +drop +(\d+) ", reported, re.MULTILINE)
        assert rows == [("ingress", "10")]
        told = (
            f"packets must pass 2 tables of Calico's, those of {current} and {former}; Felix keeps that of {current} "
            f"now (Felix wrote to it last), and left {former} in force when it changed its backend"
        )
        ready = service.get("/readyz")
        assert (ready.status, told in ready.text) == (200, True)
        page_text = unescape(service.get("/").text)
        assert told in page_text
        assert f"No packet of a workload was dropped. Packets must pass the rules of {former} too" in page_text
        assert service.log.count("several_tables_in_force") == 1

        code, said = check(node)
        (finding,) = re.findall(
            r"^warn  tables in force    (.*)\n +→ remove what is left over: (.*) \(", said, re.MULTILINE
        )
        assert (code, f"left {former} in force" in finding[0]) == (0, True)
        for command in finding[1].split("; "):
            node.namespace.run("sh", "-euc", command)
        assert backends(service, "former_backend") == []
        assert backends(service, "backend") == [current]
        assert "packets must pass" not in service.get("/readyz").text
        if former != "nftables":
            left = [line for line in save(node.namespace, former).splitlines() if line.startswith("[")]
            assert len(left) == 2
            assert all("mine" in line for line in left)
