"""A client that asks for `/metrics` as Prometheus does: its headers, and one connection for all scrapes."""

from __future__ import annotations

import http.client
import socket
from typing import Self

from benchmarks.process import cpu_of
from tests.node.namespace import Namespace
from tests.node.service import Service

_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
_PATIENCE = 30.0  # seconds


def scrape_headers(*, gzipped: bool) -> dict[str, str]:
    """How Prometheus asks; it asks for gzip unless told otherwise."""
    return {"Accept": _ACCEPT, "Accept-Encoding": "gzip" if gzipped else "identity"}


class Scraper:
    """Scrapes a service inside a namespace. Connects when first asked, and again where the service has hung up."""

    def __init__(self, service: Service, namespace: Namespace) -> None:
        self._service = service
        self._namespace = namespace
        self._connection: http.client.HTTPConnection | None = None

    def cpu(self, *, gzipped: bool) -> float:
        """CPU seconds of the service itself for one scrape: scan, page and HTTP, without `iptables-save`."""
        return cpu_of(self._service.process.pid, lambda: self.scrape(gzipped=gzipped))

    def scrape(self, *, gzipped: bool) -> bytes:
        """The page as it arrives. Raises RuntimeError if there is none."""
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("GET", "/metrics", headers=scrape_headers(gzipped=gzipped))
        answer = self._connection.getresponse()
        page = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"/metrics answered {answer.status}: {page[:500]!r}")
        if answer.will_close:
            self._hang_up()
        return page

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port)
        connection.sock = self._namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.sock.settimeout(_PATIENCE)
        connection.sock.connect(("127.0.0.1", self._service.port))
        return connection
