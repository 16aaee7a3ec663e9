"""The HTTP endpoints: `/metrics`, `/healthz`, `/readyz` and a page for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.explain.look import Look
from otel_calico.lookups import Lookups
from otel_calico.node_page.history import History, Scan
from otel_calico.node_page.shown import Shown
from otel_calico.telemetry.health import disconnected, missing
from otel_calico.telemetry.negotiation import accepts_gzip, choose_format
from otel_calico.telemetry.page import MetricsPage
from otel_calico.telemetry.scans import Scans
from otel_calico.web.message import Request, Response, plain

if TYPE_CHECKING:
    from otel_calico.node_page.page import NodePage

PROBES = frozenset({"/healthz", "/readyz"})
RECENT_SECONDS = 60.0
"""A good scan not older than this makes the node ready without another one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the page for people also needs: the rules of the latest scan, and who is who in them."""

    look: Callable[[], Look]
    lookups: Lookups


class Endpoints:
    """Answers requests. `page` is None when the prometheus exporter is off, `rules` without a page for people."""

    def __init__(
        self,
        node_name: str,
        page: MetricsPage | None,
        scans: Scans,
        datastore: Callable[[], DatastoreStatus],
        rules: Rules | None = None,
    ) -> None:
        self._node_name = node_name
        self._metrics_page = page
        self._scans = scans
        self._datastore = datastore
        self._routes: dict[str, Callable[[Request], Response]] = {
            "/metrics": self._metrics,
            "/healthz": lambda _: plain(HTTPStatus.OK, "ok"),
            "/readyz": self._ready,
        }
        if rules:
            self._rules = rules
            self._history = History()
            scans.subscribe(self._history.forget)
            self._routes = {"/": self._overview, "/workload": self._workload, "/policy": self._policy, **self._routes}

    def __call__(self, request: Request) -> Response:
        """Answer one request. Raises nothing but what is a fault of ours."""
        route = self._routes.get(request.path)
        if route is None:
            return plain(HTTPStatus.NOT_FOUND, f"Not found. There is {', '.join(self._routes)}.")
        if request.method not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD only.", ("Allow", "GET, HEAD"))
        try:
            return route(request)
        except TimeoutError as error:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    def _metrics(self, request: Request) -> Response:
        if self._metrics_page is None:
            return plain(
                HTTPStatus.NOT_FOUND, "The prometheus exporter is off (OTEL_METRICS_EXPORTER, OTEL_SDK_DISABLED)."
            )
        form = choose_format(request.headers.get("accept", ""))
        gzipped = accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = [("Content-Type", form.value), ("Vary", "Accept, Accept-Encoding")]
        if gzipped:
            headers.append(("Content-Encoding", "gzip"))
        return Response(HTTPStatus.OK, self._metrics_page.render(form, gzipped=gzipped), tuple(headers))

    def _ready(self, request: Request) -> Response:
        status = self._datastore()
        # Before the datastore is in sync the answer is no anyway, and a scan would call every workload unknown.
        snapshot = self._scans.recent(RECENT_SECONDS) if status.in_sync else self._scans.newest
        lines, notes = missing(status, snapshot), disconnected(status)
        code, word = (HTTPStatus.SERVICE_UNAVAILABLE, "not ready") if lines else (HTTPStatus.OK, "ready")
        # Why is told to those who may ask for everything else.
        return plain(code, "\n".join([word, *lines, *notes] if request.admitted else [word]))

    def _overview(self, request: Request) -> Response:
        shown, status = self._look(), self._datastore()
        latest = shown.latest.snapshot
        return self._node_page.overview(
            request, shown, status, missing=missing(status, latest), notes=disconnected(status)
        )

    def _workload(self, request: Request) -> Response:
        return self._node_page.workload(request, self._look())

    def _policy(self, request: Request) -> Response:
        return self._node_page.policy(request, self._look())

    def _look(self) -> Shown:
        newest = self._scans.newest
        before = Scan(newest, self._rules.look()) if newest else None
        latest = Scan(self._scans.take(), self._rules.look())
        return Shown(self._history.former(before, latest), latest, self._rules.lookups)

    @cached_property
    def _node_page(self) -> NodePage:
        # The templates' engine is loaded when somebody looks for the first time.
        from otel_calico.node_page.page import NodePage  # noqa: PLC0415 - jinja2

        return NodePage(self._node_name)
