"""The page at `/metrics`: the policy series and the service's own metrics of one scan, rendered once per scan."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from isal import igzip

from otel_calico.prometheus.service_exposition import ServiceExposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.collector import Collector
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry.service_state import ServiceStatus

RENDER_SECONDS = 10.0
"""How long a request waits for its turn to render; no Prometheus waits longer for a scrape unless told to."""

_EOF = b"# EOF\n"


class PolicyExposition(Protocol):
    """Renders the policy series of a snapshot's readings, without `# EOF`."""

    def render(self, readings: Sequence[Readings], form: TextFormat) -> Sequence[bytes]:
        """HELP, TYPE and samples, in parts."""


class MetricsPage:
    """Renders whole pages for any number of threads; those that come together share one rendering."""

    def __init__(
        self, collector: Collector, policy: PolicyExposition, service: ServiceExposition, status: ServiceStatus
    ) -> None:
        self._collector = collector
        self._policy = policy
        self._service = service
        self._status = status
        self._turn = threading.Lock()
        self._shown: Snapshot | None = None
        self._pages: dict[tuple[TextFormat, bool], bytes] = {}

    def render(self, form: TextFormat, *, gzipped: bool = False) -> bytes:
        """The page, compressed if asked for. Raises TimeoutError if others render for `RENDER_SECONDS`."""
        if not self._turn.acquire(timeout=RENDER_SECONDS):
            raise TimeoutError(
                f"no turn to render within {RENDER_SECONDS:.0f} s: a scan hangs, or the node is overloaded"
            )
        try:
            snapshot = self._collector.scan().snapshot
            if snapshot is not self._shown:
                self._shown = snapshot
                self._pages.clear()
            return self._page(snapshot, form, gzipped=gzipped)
        finally:
            self._turn.release()

    def _page(self, snapshot: Snapshot, form: TextFormat, *, gzipped: bool) -> bytes:
        page = self._pages.get((form, gzipped))
        if page is None:
            page = self._pages.get((form, False)) or self._text(snapshot, form)
            if gzipped:  # only this is kept: the text is as large as all rules
                page = igzip.compress(page, compresslevel=1)
            self._pages[form, gzipped] = page
        return page

    def _text(self, snapshot: Snapshot, form: TextFormat) -> bytes:
        policy = self._policy.render(snapshot.readings, form)
        service = self._service.render(self._status.at(snapshot), form)
        return b"".join([*policy, service, _EOF if form is TextFormat.OPENMETRICS else b""])
