"""The HTTP handlers: `/metrics`, `/healthz`, `/readyz`, and the pages for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.prometheus.metrics_page import MetricsPage
from otel_calico.prometheus.negotiation import accepts_gzip, choose_format
from otel_calico.readiness import readiness
from otel_calico.scanning.collector import Collector
from otel_calico.snapshot import Snapshot
from otel_calico.web.authentication import Probes
from otel_calico.web.message import Request, Response, Route, plain

PROBES = Probes(frozenset({"/healthz", "/readyz"}), alive="/healthz")
RECENT_SECONDS = 60.0
"""A good scan not older than this makes the node ready without another one."""


class Routes:
    """Answers requests. `page` is None when the prometheus exporter is off; `more` are routes by path."""

    def __init__(
        self,
        page: MetricsPage | None,
        collector: Collector,
        datastore: Callable[[], DatastoreStatus],
        more: Mapping[str, Route],
    ) -> None:
        self._page = page
        self._collector = collector
        self._datastore = datastore
        self._by_path: Mapping[str, Route] = {
            **more,
            "/metrics": self._metrics,
            "/healthz": lambda _: plain(HTTPStatus.OK, "ok"),
            "/readyz": self._ready,
        }

    def __call__(self, request: Request) -> Response:
        """Answer one request. Raises nothing but what is a fault of ours."""
        route = self._by_path.get(request.path)
        if route is None:
            return plain(HTTPStatus.NOT_FOUND, f"Not found. There is {', '.join(self._by_path)}.")
        if request.method not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD only.", ("Allow", "GET, HEAD"))
        try:
            return route(request)
        except TimeoutError as error:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    def _metrics(self, request: Request) -> Response:
        if self._page is None:
            return plain(
                HTTPStatus.NOT_FOUND, "The prometheus exporter is off (OTEL_METRICS_EXPORTER, OTEL_SDK_DISABLED)."
            )
        form = choose_format(request.headers.get("accept", ""))
        gzipped = accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = [("Content-Type", form.value), ("Vary", "Accept, Accept-Encoding")]
        if gzipped:
            headers.append(("Content-Encoding", "gzip"))
        return Response(HTTPStatus.OK, self._page.render(form, gzipped=gzipped), tuple(headers))

    def _ready(self, request: Request) -> Response:
        snapshot = self._recent()
        found = readiness(self._datastore(), snapshot)  # after the scan, which may need more kinds
        code, word = (HTTPStatus.SERVICE_UNAVAILABLE, "not ready") if found.missing else (HTTPStatus.OK, "ready")
        # The reasons are for authenticated clients only.
        return plain(code, "\n".join([word, *found.missing, *found.notes] if request.admitted else [word]))

    def _recent(self) -> Snapshot | None:
        """The last snapshot if it is good and recent, else a new one.

        Before the datastore is in sync none is taken: the answer is no anyway, and every workload would be unknown.
        """
        latest = self._collector.latest
        snapshot = latest.snapshot if latest else None
        recent = snapshot and not snapshot.failure and time.time() - snapshot.taken < RECENT_SECONDS
        if recent or not self._datastore().in_sync:
            return snapshot
        return self._collector.scan().snapshot
