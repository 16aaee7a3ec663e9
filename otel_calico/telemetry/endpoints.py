"""The HTTP endpoints as a WSGI application: `/metrics`, `/healthz`, `/readyz` and a page for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.telemetry.health import disconnected, missing
from otel_calico.telemetry.index import index_html
from otel_calico.telemetry.negotiation import accepts_gzip, choose_format
from otel_calico.telemetry.page import MetricsPage
from otel_calico.telemetry.scans import Scans

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger(__name__)

PLAIN = "text/plain; charset=utf-8"
PIECE = 256 * 1024  # bytes
RECENT_SECONDS = 60.0
"""A good scan not older than this makes the node ready without another one."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, whole."""

    status: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", PLAIN),)


class Endpoints:
    """Answers requests. `page` is None when the prometheus exporter is off."""

    def __init__(
        self,
        node_name: str,
        page: MetricsPage | None,
        scans: Scans,
        datastore: Callable[[], DatastoreStatus],
    ) -> None:
        self._node_name = node_name
        self._metrics_page = page
        self._scans = scans
        self._datastore = datastore
        self._routes: dict[str, Callable[[WSGIEnvironment], Response]] = {
            "/": self._index,
            "/metrics": self._metrics,
            "/healthz": lambda _: Response("200 OK", b"ok\n"),
            "/readyz": self._ready,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a failure inside becomes a 500 and a log event."""
        response = self._answer(environ)
        length = ("Content-Length", str(len(response.body)))
        start_response(response.status, [*response.headers, length])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else _pieces(response.body)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        route = self._routes.get(environ.get("PATH_INFO", ""))
        if route is None:
            return _text("404 Not Found", "Not found. There is /, /metrics, /healthz and /readyz.")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return Response(
                "405 Method Not Allowed", b"GET and HEAD only.\n", (("Content-Type", PLAIN), ("Allow", "GET, HEAD"))
            )
        try:
            return route(environ)
        except TimeoutError as error:
            return _text("503 Service Unavailable", str(error))
        except Exception:
            log.exception("request_failed", path=environ["PATH_INFO"])
            return _text("500 Internal Server Error", "Internal error; the log says more.")

    def _metrics(self, environ: WSGIEnvironment) -> Response:
        if self._metrics_page is None:
            return _text("404 Not Found", "The prometheus exporter is off (OTEL_METRICS_EXPORTER, OTEL_SDK_DISABLED).")
        form = choose_format(environ.get("HTTP_ACCEPT", ""))
        gzipped = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        headers = [("Content-Type", form.value), ("Vary", "Accept, Accept-Encoding")]
        if gzipped:
            headers.append(("Content-Encoding", "gzip"))
        return Response("200 OK", self._metrics_page.render(form, gzipped=gzipped), tuple(headers))

    def _ready(self, _: WSGIEnvironment) -> Response:
        status = self._datastore()
        # Before the datastore is in sync the answer is no anyway, and a scan would call every workload unknown.
        snapshot = self._scans.recent(RECENT_SECONDS) if status.in_sync else self._scans.newest
        lines, notes = missing(status, snapshot), disconnected(status)
        if lines:
            return _text("503 Service Unavailable", "\n".join(["not ready", *lines, *notes]))
        return _text("200 OK", "\n".join(["ready", *notes]))

    def _index(self, _: WSGIEnvironment) -> Response:
        html = index_html(self._node_name, self._scans.recent(RECENT_SECONDS), self._datastore())
        return Response("200 OK", html.encode(errors="replace"), (("Content-Type", "text/html; charset=utf-8"),))


def _pieces(body: bytes) -> Iterator[bytes]:
    """The body in parts: the server copies what a socket did not take at once, all of the rest each time."""
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def _text(status: str, text: str) -> Response:
    return Response(status, f"{text}\n".encode(errors="replace"))
