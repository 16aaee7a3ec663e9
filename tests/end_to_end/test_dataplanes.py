"""The same policies and packets give the same page whatever Felix writes its rules to; eBPF is recognised."""

from __future__ import annotations

import pytest

from otel_calico.calico.model import IPVersion
from tests.end_to_end.cluster import CLIENT, WEB
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.test_packets import EARLIER, LATER, NONE, policy_series, send
from tests.end_to_end.traffic import expected
from tests.felix import Era
from tests.node.iptables import load
from tests.node.service import Metrics

pytestmark = pytest.mark.node

POLICY_FAMILIES = ("no_policy_", "policy_accept_", "calico_policy_", "calico_workload_policy_", "calico_workload_est")
EBPF = """\
*filter
:cali-FORWARD - -
:cali-to-wl-dispatch - -
-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
-A cali-FORWARD -i cali+ -m comment --comment "cali:1111111111111111" \
-m comment --comment "From workload without BPF seen mark" -m mark ! --mark 0x1000000/0x1000000 -j DROP
-A cali-FORWARD -o cali+ -m comment --comment "cali:2222222222222222" \
-m comment --comment "To workload, check workload is known." -j cali-to-wl-dispatch
-A cali-to-wl-dispatch -o cali0d7763386da -m comment --comment "cali:3333333333333333" -j ACCEPT
-A cali-to-wl-dispatch -m comment --comment "cali:4444444444444444" -m comment --comment "Unknown interface" -j DROP
COMMIT
"""


def compared(page: str) -> list[str]:
    """The policy series of a page, without the time of the last hit, which is that of the scan."""
    return sorted(line for line in page.splitlines() if line.startswith(POLICY_FAMILIES) and "last_hit" not in line)


def test_the_pages_of_all_three_dataplanes_agree() -> None:
    pages: dict[str, list[str]] = {}
    found: dict[str, Metrics] = {}
    for backend in DATAPLANES:
        with LiveNode.of_era(Era.E, backend) as node:
            service = node.service({"OTEL_CALICO_METRICS_FAMILIES": "accountant,policy,workload"}).start()
            send(node, LATER)
            pages[backend] = compared(service.get("/metrics").text)
            found[backend] = service.scrape()
    assert policy_series(found["nftables"]) == expected(Era.E, LATER, LATER)
    assert pages["nftables"] == pages["nft"] == pages["legacy"]
    assert any("calico_workload_policy" in line for line in pages["legacy"])
    for backend in DATAPLANES:
        reader = "netlink" if backend == "nftables" else "iptables-save"
        assert found[backend]["otel_calico_backend_info"] == {frozenset({("backend", backend), ("reader", reader)}): 1}
        dataplane = "nftables" if backend == "nftables" else "iptables"
        assert found[backend]["otel_calico_dataplane_info"] == {frozenset({("dataplane", dataplane)}): 1}


def test_felix_may_come_after_the_service_and_move_to_another_dataplane() -> None:
    with LiveNode("nftables") as node:
        node.namespace.run("iptables-nft", "-A", "INPUT", "-j", "ACCEPT")  # a filter table that is not Felix's
        service = node.service().start("/healthz")
        assert service.scrape()["otel_calico_scan_success"] == {frozenset(): 0}
        for workload in (WEB, CLIENT):
            node.run(workload)
        node.install(Era.E)
        send(node, LATER)
        assert policy_series(service.scrape()) == expected(Era.E, LATER, LATER)
        assert "backend_changed" not in service.log

        node.backend = "nft"
        node.install(Era.E)
        assert policy_series(service.scrape()) == expected(Era.E, NONE, NONE)
        send(node, EARLIER)
        assert policy_series(service.scrape()) == expected(Era.E, EARLIER, EARLIER)
        assert "backend_changed" in service.log


def test_the_ebpf_dataplane_is_recognised_and_said_until_felix_writes_rules_again() -> None:
    with LiveNode("nft") as node:
        load(node.namespace, EBPF, "nft")
        service = node.service().start("/healthz")
        page = service.scrape()
        assert page["otel_calico_scan_success"] == {frozenset(): 0}
        assert page["otel_calico_dataplane_info"] == {frozenset({("dataplane", "ebpf")}): 1}
        ready = service.get("/readyz")
        assert ready.status == 503
        assert "eBPF dataplane" in ready.text
        assert "ebpf.enabled" in ready.text

        for ip_version in IPVersion:
            node.namespace.run("ip6tables-nft" if ip_version is IPVersion.V6 else "iptables-nft", "-F")
        node.install(Era.E)
        assert service.get("/readyz").status == 200
