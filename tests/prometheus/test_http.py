"""The HTTP server, asked by well-behaved and other clients."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.node_page.pages import NodePages
from otel_calico.service.exporters import Exporters
from otel_calico.snapshot import ScanFailure, Snapshot
from otel_calico.telemetry.export_settings import Exporter, ExportSettings
from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.message import Request, Response, plain
from otel_calico.web.server import HttpServer, ListenError
from tests.telemetry.snapshots import Node, example


def nothing(_: Request) -> Response:
    """An application that has no pages."""
    return plain(HTTPStatus.NOT_FOUND, "nothing")


class Served:
    """A served node, and what its datastore says."""

    def __init__(self, *, exporters: frozenset[Exporter] = frozenset({Exporter.PROMETHEUS})) -> None:
        self.node = Node(example())
        self.status = DatastoreStatus({"policies": KindStatus(in_sync=True, connected=True, held=3)})
        settings = ExportSettings("node<1>", exporters, listen_port=0)
        scans = self.node.collector
        pages = NodePages(settings.node_name, scans, lambda: self.status, Lookups())
        self.telemetry = Exporters(settings, scans, lambda: self.status, pages=pages.routes)
        self.telemetry.start()
        self.port = self.telemetry.port

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.telemetry.stop()


def test_metrics_come_as_plain_text_unless_openmetrics_is_asked_for(served: Served) -> None:
    response, body = served.ask("/metrics")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"# TYPE no_policy_drop_counter counter\n" in body
    response, body = served.ask("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert families > {"no_policy_drop_counter", "calico_policy_packets"}


def test_metrics_are_compressed_for_those_who_take_it(served: Served) -> None:
    response, body = served.ask("/metrics", Accept_Encoding="gzip")
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).startswith(b"# HELP no_policy_drop_counter ")
    assert response.headers["Vary"] == "Accept, Accept-Encoding"


def test_a_failed_scan_answers_200_and_is_not_ready(served: Served) -> None:
    served.node.shown = Snapshot(0.0, failure=ScanFailure("no_permission", "iptables-save: run as root"))
    response, body = served.ask("/metrics")
    assert response.status == 200
    assert b"\notel_calico_scan_success 0.0\n" in body
    response, body = served.ask("/readyz")
    assert response.status == 503
    assert body.decode().splitlines() == [
        "not ready",
        "last scan failed (no_permission): iptables-save: run as root. `otel-calico check` tells what to do.",
    ]


def test_readiness_names_what_is_missing(served: Served) -> None:
    response, body = served.ask("/readyz")
    assert (response.status, body) == (200, b"ready\n")
    served.status = DatastoreStatus({"policies": KindStatus(last_error="connection refused")})
    response, body = served.ask("/readyz")
    assert response.status == 503
    assert "policies: connection refused" in body.decode()
    assert served.ask("/healthz")[0].status == 200


def test_the_index_is_a_page_for_people(served: Served) -> None:
    response, body = served.ask("/")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for text in ("node&lt;1&gt;", "<dd>nft</dd>", 'href="/metrics"', "Ready"):
        assert text in body.decode()


def test_what_is_not_there_and_what_is_not_allowed_is_said(served: Served) -> None:
    assert served.ask("/favicon.ico")[0].status == 404
    response, _ = served.ask("/metrics", "POST")
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    response, body = served.ask("/metrics", "HEAD")
    assert (response.status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 1_000


def test_metrics_are_not_found_when_the_exporter_is_off() -> None:
    served = Served(exporters=frozenset())
    try:
        response, body = served.ask("/metrics")
        assert response.status == 404
        assert b"OTEL_METRICS_EXPORTER" in body
        assert served.ask("/readyz")[0].status == 200
    finally:
        served.telemetry.stop()


def test_both_address_families_are_answered(served: Served) -> None:
    for host in ("127.0.0.1", "::1"):
        connection = HTTPConnection(host, served.port, timeout=5)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()


def test_slow_clients_do_not_hold_up_the_others(served: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(12)]
    try:
        for client in slow:
            client.sendall(b"GET /metrics HTT")
        time.sleep(0.2)
        begun = time.monotonic()
        assert served.ask("/metrics")[0].status == 200
        assert time.monotonic() - begun < 1
    finally:
        for client in slow:
            client.close()


def test_a_client_that_drips_is_cut_when_its_time_is_over() -> None:
    server = HttpServer(nothing, "127.0.0.1", 0, limits=TimeLimits(request=0.5))
    server.start()
    try:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as slow, suppress(ConnectionError):
            while time.monotonic() - begun < 5:
                slow.sendall(b"G")
                time.sleep(0.1)
        assert time.monotonic() - begun < 2
    finally:
        server.stop()


def test_fifty_scrapers_at_once_all_get_the_page(served: Served) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(served.ask("/metrics")[0].status)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50


def test_a_port_in_use_is_said_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = HttpServer(nothing, "127.0.0.1", port)
        with pytest.raises(ListenError, match=f"127.0.0.1 port {port} is in use .* METRICS_SERVER_PORT"):
            server.start()


def test_stopping_takes_less_than_two_seconds_whatever_clients_do() -> None:
    served = Served()
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET /met")
        time.sleep(0.1)
        begun = time.monotonic()
        served.telemetry.stop()
        assert time.monotonic() - begun < 2.1
    with pytest.raises(ConnectionRefusedError):
        served.ask("/healthz")
