"""HTTP clients that are slow, silent, greedy or hostile: scrapes of others are answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil

from endurance.faults.fault import Fault, Witness
from endurance.faults.stage import Stage, counted, policy_series
from tests.node.service import Service

_CLIENTS = 200
_DRIP = 0.5  # seconds between two bytes
_LONGEST = 10.0
"""Seconds: Prometheus gives up after that unless told otherwise."""
_WATCHED = 12.0  # seconds over which others scrape
_GREEDY = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 50


def dripping(stage: Stage, witness: Witness) -> None:
    """They send a request byte by byte."""
    _while_connected(stage, witness, b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: ", b"x")


def silent(stage: Stage, witness: Witness) -> None:
    """They connect and say nothing."""
    _while_connected(stage, witness, b"", b"")


def unread(stage: Stage, witness: Witness) -> None:
    """They ask for page after page and read none."""
    _while_connected(stage, witness, _GREEDY, b"")


def large_request(stage: Stage, witness: Witness) -> None:
    """Headers and a body of 10 MB."""
    service = stage.counted()
    before = _megabytes(service)
    for name, request in {
        "header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000_000 + b"\r\n\r\n",
        "body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
        "path": b"GET /" + b"x" * 10_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    }.items():
        status = stage.node.namespace.inside(lambda request=request: _answer(service, request))  # type: ignore[misc]
        witness.see(f"{name}: {status or 'cut'}", status in {"", "400", "405", "413", "414", "431"})
    grown = _megabytes(service) - before
    witness.see(f"memory {grown:+.1f} MB", grown < 5)
    witness.expect("all series served", policy_series(service) == counted())


_PROMISE = f"others are answered within {_LONGEST:.0f} s; files and threads are given back"
FAULTS = (
    Fault(f"{_CLIENTS} HTTP clients that drip", _PROMISE, dripping),
    Fault(f"{_CLIENTS} HTTP clients that are silent", _PROMISE, silent),
    Fault(f"{_CLIENTS} HTTP clients that ask and never read", _PROMISE, unread),
    Fault("HTTP requests of 10 MB", "refused without being held in memory", large_request, quick=True),
)


def _while_connected(stage: Stage, witness: Witness, begin: bytes, then: bytes) -> None:
    service = stage.counted({"OTEL_CALICO_METRICS_FRESHNESS": "1"})
    before = _files(service)
    waits = []
    with _clients(stage, service, begin, then):
        end = time.monotonic() + _WATCHED
        while time.monotonic() < end:
            began = time.monotonic()
            with suppress(OSError):  # too long: seen by the time it took
                policy_series(service)
            waits.append(time.monotonic() - began)
            time.sleep(0.5)
    witness.see(f"{len(waits)} scrapes by others, the longest {max(waits):.2f} s", max(waits) < _LONGEST)
    witness.await_("connections given back", lambda: _files(service) <= before + 2, 15)
    witness.expect("all series served", policy_series(service) == counted())


@contextmanager
def _clients(stage: Stage, service: Service, begin: bytes, then: bytes) -> Iterator[None]:
    """Connected clients; a thread lets all of them drip, and connects anew who was cut off."""
    over = threading.Event()
    with ExitStack() as stack:
        clients: list[socket.socket] = []

        def connect() -> socket.socket:
            client = stage.node.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            client.settimeout(2)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            with suppress(OSError):
                client.connect(("127.0.0.1", service.port))
                client.setblocking(False)  # noqa: FBT003 - the name of the standard library
                client.send(begin)
            return client

        def drip() -> None:
            while not over.wait(_DRIP):
                for place, client in enumerate(clients):
                    try:
                        client.send(then)
                    except BlockingIOError:
                        continue
                    except OSError:
                        client.close()
                        clients[place] = connect()

        clients += [connect() for _ in range(_CLIENTS)]
        thread = threading.Thread(target=drip)
        thread.start()
        stack.callback(lambda: list(map(socket.socket.close, clients)))
        stack.callback(thread.join)
        stack.callback(over.set)
        yield


def _answer(service: Service, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        with suppress(OSError):
            client.sendall(request)
        answer = b""
        with suppress(OSError):
            answer = client.recv(1000)
        return answer.partition(b" ")[2][:3].decode()


def _files(service: Service) -> int:
    return int(psutil.Process(service.process.pid).num_fds())


def _megabytes(service: Service) -> float:
    return float(psutil.Process(service.process.pid).memory_info().rss) / 1e6
