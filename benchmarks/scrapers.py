"""Many scrapers at the same moment: how often the ruleset is read, and how long the slowest waits.

Times are wall-clock times: this row alone depends on what else the machine does.
"""

from __future__ import annotations

import gzip
import os
import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.node import BenchmarkNode
from benchmarks.scraper import scrape_headers
from benchmarks.shapes import Scale
from benchmarks.table import Row, compared, progress
from benchmarks.traffic import Traffic
from tests.node.namespace import Namespace

_FRESHNESS = 1.0  # seconds; the default, within which scrapers share a scan
_BAR = 2
_SCANS = b"otel_calico_scans_total{"


@dataclass(slots=True)
class _Scrape:
    """One answer: when it was whole, in seconds after the request, and its bytes."""

    seconds: float = 0.0
    answer: bytes = b""

    @property
    def scans(self) -> float:
        """Scans made until this answer, which says so itself."""
        head, _, body = self.answer.partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"a scrape was answered with {head!r}")
        return sum(float(line.rpartition(b" ")[2]) for line in gzip.decompress(body).splitlines() if _SCANS in line)


def measure(scale: Scale) -> list[Row]:
    """Scans made, and the slowest hundredth of scrapers, on the largest shape."""
    alone: list[float] = []
    together: list[float] = []
    scans: list[float] = []
    with BenchmarkNode(scale.largest) as node:
        node.program()
        with node.service({"OTEL_CALICO_METRICS_FRESHNESS": str(_FRESHNESS)}) as service:
            service.start()
            for number in range(scale.rounds):
                progress(f"scrapers: round {number + 1} of {scale.rounds}")
                (single,) = _burst(node, service.port, 1)
                crowd = _burst(node, service.port, scale.scrapers)
                alone.append(single.seconds)
                together.append(_slowest_hundredth([each.seconds for each in crowd]))
                scans.append(max(each.scans for each in crowd) - single.scans)
    what = f"{scale.scrapers} scrapers at once, {scale.largest}"
    most = max(scans)
    return [
        Row(f"{what}: scans made", f"{most:.0f}", "1", most == 1),
        compared(f"{what}: p99 of their waiting", together, "a single scrape", alone, _BAR),
    ]


def _burst(node: BenchmarkNode, port: int, count: int) -> list[_Scrape]:
    """Scrapes that are sent at one moment, after typical traffic and when the last scan is no longer fresh."""
    node.move(Traffic.TYPICAL)
    time.sleep(1.1 * _FRESHNESS)
    headers = "".join(f"{name}: {value}\r\n" for name, value in scrape_headers(gzipped=True).items())
    request = f"GET /metrics HTTP/1.0\r\nHost: node\r\n{headers}\r\n".encode()
    with ExitStack() as open_sockets:
        peers = [open_sockets.enter_context(_connected(node.namespace, port)) for _ in range(count)]
        started = time.perf_counter()
        for peer in peers:
            peer.sendall(request)
        return _answers(peers, started)


def _connected(namespace: Namespace, port: int) -> socket.socket:
    peer = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    peer.connect(("127.0.0.1", port))
    return peer


def _answers(peers: Sequence[socket.socket], started: float) -> list[_Scrape]:
    """Every peer's answer, up to the end of its connection."""
    scrapes = [_Scrape() for _ in peers]
    with selectors.DefaultSelector() as selector:
        for peer, scrape in zip(peers, scrapes, strict=True):
            selector.register(peer, selectors.EVENT_READ, scrape)
        while selector.get_map():
            for key, _ in selector.select():
                chunk = os.read(key.fd, 1 << 20)
                key.data.answer += chunk
                if not chunk:
                    key.data.seconds = time.perf_counter() - started
                    selector.unregister(key.fileobj)
    return scrapes


def _slowest_hundredth(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]
