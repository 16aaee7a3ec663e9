"""What answers where."""

from __future__ import annotations

import time
from dataclasses import replace

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.service.routes import Routes
from otel_calico.snapshot import ScanFailure, ScanReport, Snapshot
from otel_calico.web.message import Request
from tests.telemetry.snapshots import Node, example


def test_a_node_of_which_one_ip_version_cannot_be_read_is_ready_and_says_why() -> None:
    report = ScanReport(unreadable={"ipv6": "ip6tables-nft-save ended with exit status 3: it is Tuesday"})
    routes = Routes(None, Node(Snapshot(0.0, report=report)).collector, DatastoreStatus, {})

    response = routes(Request("GET", "/readyz"))

    assert response.status == 200
    assert response.body.decode() == (
        "ready\nipv6 is left out: ip6tables-nft-save ended with exit status 3: it is Tuesday. "
        "`otel-calico check` tells what to do.\n"
    )


def test_before_the_datastore_is_in_sync_readiness_says_so_without_a_scan() -> None:
    node = Node(Snapshot(0.0))
    unlisted = DatastoreStatus({"pods": KindStatus(last_error="connection refused")})
    routes = Routes(None, node.collector, lambda: unlisted, {})

    response = routes(Request("GET", "/readyz"))

    assert (response.status, node.taken) == (503, 0)
    assert b"pods: connection refused" in response.body


def test_a_recent_good_scan_makes_the_node_ready_and_a_failed_one_is_looked_at_again() -> None:
    node = Node(replace(example(), taken=time.time()))
    routes = Routes(None, node.collector, DatastoreStatus, {})
    answers = [routes(Request("GET", "/readyz")).status for _ in range(2)]
    assert (answers, node.taken) == ([200, 200], 1)
    node.shown = Snapshot(time.time(), failure=ScanFailure("empty", "nothing"))
    node.collector.scan()
    assert routes(Request("GET", "/readyz")).status == 503
    assert node.taken == 3


def test_where_there_are_no_pages_for_people_the_answer_names_what_there_is() -> None:
    routes = Routes(None, Node(Snapshot(0.0)).collector, DatastoreStatus, {})
    response = routes(Request("GET", "/"))
    assert (response.status, response.body) == (404, b"Not found. There is /metrics, /healthz, /readyz.\n")
