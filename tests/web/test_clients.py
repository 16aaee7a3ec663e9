"""Clients that are slow, many, odd or hostile: the others are served."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest

from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.listener import CONNECTIONS
from otel_calico.web.message import Request, Response, plain
from otel_calico.web.server import THREADS, HttpServer
from tests.node.programs import wait_until
from tests.web.site import PAGE, PROBE, PROBES, Site

SERVED = (200, "GET /metrics admitted")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One on which no client is ever cut for its slowness within a test."""
    with Site(tmp_path).start(TimeLimits(request=100, idle=100)) as made:
        yield made


def said(site: Site, sent: bytes) -> list[str]:
    """The first lines of what the server answers until it closes or half a second passes."""
    with socket.create_connection(("127.0.0.1", site.server.port), timeout=0.5) as client:
        client.sendall(sent)
        received = b""
        try:
            while piece := client.recv(65536):
                received += piece
        except TimeoutError:
            received += b"\nopen"
    text = received.decode()
    return [line.strip() for line in text.splitlines() if line.startswith(("HTTP/", "GET ", "open"))]


@pytest.mark.slow
def test_hundreds_of_slow_clients_starve_nobody(site: Site) -> None:
    with ExitStack() as clients:
        for number in range(400):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", site.server.port)))
            client.sendall((b"GET /metrics HTT", b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")[number % 3])
        assert [site.ask() for _ in range(20)] == [SERVED] * 20


@pytest.mark.slow
def test_clients_that_never_shake_hands_starve_nobody(tmp_path: Path) -> None:
    with Site(tmp_path).write_tls().start() as site, ExitStack() as clients:
        for _ in range(200):
            clients.enter_context(socket.create_connection(("127.0.0.1", site.server.port))).sendall(b"\x16\x03\x01")
        assert [site.ask(context=site.trusting()) for _ in range(5)] == [SERVED] * 5


def test_a_connection_serves_one_request_after_the_other(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.server.port, timeout=20)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/metrics?a=1")
        assert connection.getresponse().read() == b"GET /metrics a=1 admitted\n"
    assert connection.sock is first
    connection.close()


def test_odd_requests_get_the_answer_that_the_protocol_has_for_them(site: Site) -> None:
    host = b"Host: x\r\n"
    ok = ["HTTP/1.1 200 OK", "GET /metrics admitted"]
    bad, large = ["HTTP/1.1 400 Bad Request"], ["HTTP/1.1 431 Request Header Fields Too Large"]
    answers = {
        b"GET /metrics HTTP/1.1\r\n" + host + b"\r\n": [*ok, "open"],
        b"GET /metrics HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n": ok,
        b"GET /metrics HTTP/1.0\r\n\r\n": ok,
        b"GET http://x/metrics HTTP/1.1\r\n" + host + b"\r\n": [*ok, "open"],
        b"HEAD /metrics HTTP/1.0\r\n\r\n": ["HTTP/1.1 200 OK"],
        b"GET /metrics HTTP/1.1\r\n" + host + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n": [
            *ok,
            "open",
        ],
        b"hello\r\n\r\n": bad,
        b"GET /a b HTTP/1.1\r\n\r\n": bad,
        b"GET // HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": bad,
        b"GET /metrics HTTP/1.1\r\nX: \x00\r\n\r\n": bad,
        b"\x16\x03\x01\x02\x00\x01\x00": bad,
        b"GET /" + b"a" * 17_000: large,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 17_000: large,
        b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + host + b"\r\n": large,
        b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc": [f"HTTP/1.1 413 {HTTPStatus(413).phrase}"],
    }
    with ThreadPoolExecutor() as clients:  # side by side, as those that stay open are waited for
        assert dict(zip(answers, clients.map(partial(said, site), answers), strict=True)) == answers


def test_a_client_that_does_not_wait_gets_its_first_answer(site: Site) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    assert said(site, request * 3) == ["HTTP/1.1 200 OK", "GET /metrics admitted"]


def test_what_follows_a_request_changes_nothing_of_its_answer(site: Site) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    for more in (b"garbage\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"GET /" + b"a" * 17_000):
        assert said(site, request + more) == ["HTTP/1.1 200 OK", "GET /metrics admitted"]


@pytest.mark.slow
def test_more_connections_than_there_may_be_cost_the_silent_ones_theirs(site: Site) -> None:
    with ExitStack() as clients:
        opened = [
            clients.enter_context(socket.create_connection(("127.0.0.1", site.server.port)))
            for _ in range(CONNECTIONS + 50)
        ]
        wait_until(lambda: sum(map(is_open, opened)) <= CONNECTIONS, "the silent ones cut", 10)
        left = [is_open(client) for client in opened]
        assert left == sorted(left), "the first to come are the first to go"
        assert sum(left) > CONNECTIONS / 2


def is_open(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_a_burst_of_scrapers_is_served_to_the_last(site: Site) -> None:
    with ExitStack() as clients:
        burst = [clients.enter_context(socket.create_connection(("127.0.0.1", site.server.port))) for _ in range(100)]
        for client in burst:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert {client.recv(15) for client in burst} == {b"HTTP/1.1 200 OK"}


def test_whether_the_process_is_alive_is_answered_while_all_workers_wait_for_a_scan() -> None:
    scanned = threading.Event()

    def answer(request: Request) -> Response:
        if request.path != PROBE:
            scanned.wait(20)
        return plain(HTTPStatus.OK, "ok")

    server = HttpServer(answer, "127.0.0.1", 0, probes=PROBES)
    server.start()
    try:
        with ThreadPoolExecutor(THREADS + 4) as scrapers:
            waiting = [scrapers.submit(urlopen, f"http://127.0.0.1:{server.port}{PAGE}") for _ in range(THREADS + 4)]
            time.sleep(0.2)
            with urlopen(f"http://127.0.0.1:{server.port}{PROBE}", timeout=5) as response:
                assert response.status == HTTPStatus.OK
            assert not any(one.done() for one in waiting)
            scanned.set()
            for one in waiting:
                one.result().close()
    finally:
        server.stop()
