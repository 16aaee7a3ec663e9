"""What answers where."""

from __future__ import annotations

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.scanning.scans import Scans
from otel_calico.series import ScanReport, Snapshot
from otel_calico.service.routes import Routes
from otel_calico.web.message import Request
from tests.telemetry.snapshots import Node, scan


def test_a_node_of_which_one_ip_version_cannot_be_read_is_ready_and_says_why() -> None:
    report = ScanReport(unreadable={"ipv6": "ip6tables-nft-save ended with exit status 3: it is Tuesday"})
    routes = Routes(None, Scans(lambda: scan(Snapshot(0.0, report=report))), DatastoreStatus, {})

    response = routes(Request("GET", "/readyz"))

    assert response.status == 200
    assert response.body.decode() == (
        "ready\nipv6 is left out: ip6tables-nft-save ended with exit status 3: it is Tuesday. "
        "`otel-calico check` tells what to do.\n"
    )


def test_before_the_datastore_is_in_sync_readiness_says_so_without_a_scan() -> None:
    node = Node(Snapshot(0.0))
    unlisted = DatastoreStatus({"pods": KindStatus(last_error="connection refused")})
    routes = Routes(None, Scans(node.take), lambda: unlisted, {})

    response = routes(Request("GET", "/readyz"))

    assert (response.status, node.taken) == (503, 0)
    assert b"pods: connection refused" in response.body


def test_where_there_are_no_pages_for_people_the_answer_names_what_there_is() -> None:
    routes = Routes(None, Scans(lambda: scan(Snapshot(0.0))), DatastoreStatus, {})
    response = routes(Request("GET", "/"))
    assert (response.status, response.body) == (404, b"Not found. There is /metrics, /healthz, /readyz.\n")
