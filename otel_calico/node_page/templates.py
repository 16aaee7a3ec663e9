"""Renders the pages as HTML, with headers that forbid any other content."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from otel_calico import __version__
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.explain.conclusion import because_of
from otel_calico.metrics import NO_POLICY_DROP, POLICY_PACKETS, Metric
from otel_calico.node_page.movement import Movement
from otel_calico.node_page.overview import overview
from otel_calico.node_page.policy import policy_page
from otel_calico.node_page.shown import Shown
from otel_calico.node_page.workload import workload
from otel_calico.readiness import Readiness
from otel_calico.web.message import Request, Response

_FILES = "files"
SOUGHT_LENGTH = 200
_PARTS = re.compile(r"[^-./,]*[-./,]|[^-./,]+")
"""Of a name, each with the punctuation after it."""


class Templates:
    """Renders the pages of one node."""

    def __init__(self, node_name: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("otel_calico.node_page", _FILES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"parts": _PARTS.findall, "because_of": because_of}
        css, script = _inline("page.css"), _inline("page.js")
        self._headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", _policy(css, script)),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        )
        self._environment.globals |= {
            "node": node_name,
            "version": __version__,
            "css": Markup(css),  # noqa: S704 - our own file
            "script": Markup(script),  # noqa: S704 - our own file
            "verdicts": {"allow": "Allowed", "deny": "Denied", "pass": "Passed on"},
            "names": {"ipv4": "IPv4", "ipv6": "IPv6"},
        }

    def overview(self, request: Request, shown: Shown, status: DatastoreStatus, readiness: Readiness) -> Response:
        """The first page, or what a search (`q`) finds."""
        sought = request.parameter("q").strip()[:SOUGHT_LENGTH]
        latest = shown.latest.snapshot
        movement = shown.movement
        view = overview(movement, shown.view, sought)
        return self._respond(
            "overview.html",
            here=f"/?{request.query}" if request.query else "/",
            sought=sought,
            view=view,
            missing=readiness.missing,
            notes=readiness.notes,
            report=latest.report,
            scan_milliseconds=1e3 * sum(latest.report.seconds.values()),
            series=sum(len(readings.series.labels) for readings in latest.readings),
            kinds=status.kinds,
            failed=latest.failure is not None,
            has_drops=_has(movement, NO_POLICY_DROP),
            has_policies=_has(movement, POLICY_PACKETS),
            span=f"in the last {view.seconds:.0f} s" if view.seconds >= 1 else "",
        )

    def workload(self, request: Request, shown: Shown) -> Response:
        """The page of the workload called `name`: what its traffic meets."""
        found = workload(shown.view, request.parameter("name"), shown.lookups)
        return self._respond(
            "workload.html",
            status=HTTPStatus.OK if found.ways else HTTPStatus.NOT_FOUND,
            here=f"/workload?{request.query}",
            workload=found,
            seconds=shown.view.seconds,
        )

    def policy(self, request: Request, shown: Shown) -> Response:
        """The page of the policy called `name`: what it decided, and on whose packets."""
        found = policy_page(shown.view, request.parameter("name"), shown.lookups)
        return self._respond(
            "policy.html",
            status=HTTPStatus.OK if found.chains else HTTPStatus.NOT_FOUND,
            here=f"/policy?{request.query}",
            policy=found,
            seconds=shown.view.seconds,
        )

    def _respond(self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        html = self._environment.get_template(template).render(values)
        return Response(status, html.encode(errors="replace"), self._headers)


def _inline(name: str) -> str:
    return files("otel_calico.node_page").joinpath(_FILES, name).read_text(encoding="utf-8")


def _has(movement: Movement, metric: Metric) -> bool:
    return any(readings.series.metric is metric for readings in movement.latest.readings)


def _policy(css: str, script: str) -> str:
    """Nothing from elsewhere, and of here only this style sheet and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(css)}'",
            f"script-src '{_digest(script)}'",
            "connect-src 'self'",
            "img-src data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
