"""What the service says and does where it cannot start, or cannot read the rules."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.end_to_end.cluster import CLIENT, WEB
from tests.end_to_end.live_node import LiveNode, wait_for_kinds
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.node.service import Service

pytestmark = pytest.mark.node

NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
NET_ADMIN_ONLY = ("setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all")
NOBODY = ("setpriv", "--reuid=65534", "--clear-groups")
TRAFFIC = {
    4: Traffic({8080: 2, 9090: 1, 5353: 3, 7070: 2, 6666: 1}, {8080: 1, 53: 2}),
    6: Traffic({8080: 1, 9090: 2, 5353: 1, 7070: 1, 6666: 3}, {8080: 2, 53: 1}),
}
NEEDS = "run as root with capabilities NET_ADMIN and NET_RAW"


def refused(service: Service) -> tuple[int, str]:
    """Exit code and all that was said by a service that cannot start."""
    with service:
        service.start(wait_for="")
        return service.end(), service.log


def failures(service: Service) -> list[dict[str, Any]]:
    """The events of failed scans."""
    events = [json.loads(line) for line in service.log.splitlines()]
    return [event for event in events if event["event"] == "scan_failed"]


def assert_stays_up_and_says(service: Service, kind: str, reason: str) -> None:
    """The service lives, serves no policy series, and says what is wrong on the page, in the log and when asked."""
    wait_for_kinds(service, "in_sync", 1)
    ready, page = service.get("/readyz"), service.scrape()
    assert ready.status == 503
    assert ready.text.startswith(f"not ready\nlast scan failed ({kind}): ")
    assert reason in ready.text
    assert page["otel_calico_scan_success"] == {frozenset(): 0}
    assert frozenset({("result", "failure"), ("reason", kind)}) in page["otel_calico_scans_total"]
    assert not page.keys() & set(POLICY_METRICS)
    (event,) = failures(service)  # once, though every request scanned
    assert (event["kind"], event["level"]) == (kind, "error")
    assert reason in event["reason"]
    assert service.get("/healthz").status == 200


def test_bad_settings_are_all_told_at_once(legacy_node: LiveNode) -> None:
    service = legacy_node.service(
        {"MINIMUM_COUNTER": "few"}, "--iptables-backend", "ebpf", "--datastore-file", "/no/such/file"
    )
    assert refused(service) == (
        2,
        """Error: 3 problems in the settings:
  - flag --datastore-file: "/no/such/file" does not exist; allowed: a file, or - for standard input
  - flag --iptables-backend: "ebpf" is unknown; allowed: auto, legacy, nft, nftables
  - environment MINIMUM_COUNTER: "few" is no whole number; allowed: a whole number from 0
All settings are in docs/configuration.md.
""",
    )


def test_a_port_in_use_ends_the_start(legacy_node: LiveNode) -> None:
    service = legacy_node.service()
    with legacy_node.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", service.port))
        other.listen()
        code, said = refused(service)
    message = f"Error: :: port {service.port} is in use by another process; "
    assert (code, said.splitlines()[-1]) == (1, f"{message}stop it or set METRICS_SERVER_PORT to a free port")


def test_without_iptables_it_stays_up_and_says_what_to_install(legacy_node: LiveNode, nft_node: LiveNode) -> None:
    for node in (legacy_node, nft_node):
        with node.service({"PATH": "/no/such/directory"}) as service:
            service.start("/healthz")
            reason = "no iptables-save and no nft found: install the packages iptables and nftables"
            assert_stays_up_and_says(service, "missing_binary", reason)


def test_native_nftables_needs_no_program(nftables_node: LiveNode) -> None:
    with nftables_node.service({"PATH": "/no/such/directory"}) as service:
        page = service.start().scrape()
        assert page["otel_calico_scan_success"] == {frozenset(): 1}
        assert page["policy_accept_counter"]


@pytest.mark.parametrize("through", [NO_CAPABILITIES, NOBODY], ids=["no capabilities", "nobody"])
def test_without_permission_it_stays_up_and_says_what_it_needs(node: LiveNode, through: tuple[str, ...]) -> None:
    with node.service(through=through) as service:
        service.start("/healthz")
        assert_stays_up_and_says(service, "no_permission", NEEDS)


def test_a_backend_that_may_not_be_read_is_not_taken_for_an_empty_one(legacy_node: LiveNode) -> None:
    with legacy_node.service(through=NET_ADMIN_ONLY) as service:
        service.start("/healthz")
        assert_stays_up_and_says(service, "no_permission", NEEDS)


@pytest.mark.parametrize(("dataplane", "tables"), [("legacy", "4"), ("legacy", ""), ("nft", "4"), ("nftables", "")])
def test_without_calico_chains_it_stays_up_until_felix_comes_and_counts_all_that_comes_then(
    dataplane: str, tables: str
) -> None:
    with LiveNode(dataplane) as node:
        for workload in (WEB, CLIENT):
            node.run(workload)
        if tables:
            node.namespace.run(f"iptables-{dataplane}", "-A", "INPUT", "-j", "ACCEPT")
        with node.service({"OTEL_CALICO_IPTABLES_BACKEND": dataplane}) as service:
            service.start("/healthz")
            assert_stays_up_and_says(service, "no_calico_chains", "hostNetwork: true")
            node.install(Era.E)
            for ip_version, traffic in TRAFFIC.items():
                traffic.send(node, ip_version)
            assert service.get("/readyz").status == 200
            page = service.scrape()
            assert page["otel_calico_scan_success"] == {frozenset(): 1}
            assert {name: page[name] for name in POLICY_METRICS} == expected(Era.E, ever=TRAFFIC, since_start=TRAFFIC)
            assert '"event": "scan_recovered"' in service.log
