"""The page at `/metrics`: the policy series and the service's own metrics of one scan, rendered once per scan."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from isal import igzip

from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.scans import Scans
from otel_calico.series import Readings, Snapshot

FRESH_SECONDS = 1.0
"""How long a rendered page may be given again, as long as it shows the newest snapshot."""

RENDER_SECONDS = 10.0
"""How long a request waits for its turn to render; no Prometheus waits longer for a scrape unless told to."""

_EOF = b"# EOF\n"


class PolicyPart(Protocol):
    """Renders the policy series of a snapshot's readings, without `# EOF`."""

    def render(self, readings: Sequence[Readings], form: TextFormat) -> Sequence[bytes]:
        """HELP, TYPE and samples, in parts."""


class OwnPart(Protocol):
    """Renders the service's own metrics, without `# EOF`."""

    def render(self, form: TextFormat) -> bytes:
        """HELP, TYPE, UNIT and samples."""


class MetricsPage:
    """Renders whole pages for any number of threads; those that come together share one rendering."""

    def __init__(self, scans: Scans, policy: PolicyPart, own: OwnPart) -> None:
        self._scans = scans
        self._policy = policy
        self._own = own
        self._turn = threading.Lock()
        self._shown: Snapshot | None = None
        self._rendered_at = 0.0
        self._pages: dict[tuple[TextFormat, bool], bytes] = {}

    def render(self, form: TextFormat, *, gzipped: bool = False) -> bytes:
        """The page, compressed if asked for. Raises TimeoutError if others render for `RENDER_SECONDS`."""
        if not self._turn.acquire(timeout=RENDER_SECONDS):
            raise TimeoutError(
                f"no turn to render within {RENDER_SECONDS:.0f} s: a scan hangs, or the node is overloaded"
            )
        try:
            with self._scans.holding() as snapshot:
                self._forget_unless(snapshot)
                return self._page(snapshot, form, gzipped=gzipped)
        finally:
            self._turn.release()

    def _forget_unless(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if snapshot is not self._shown or now - self._rendered_at > FRESH_SECONDS:
            self._shown, self._rendered_at = snapshot, now
            self._pages.clear()

    def _page(self, snapshot: Snapshot, form: TextFormat, *, gzipped: bool) -> bytes:
        page = self._pages.get((form, gzipped))
        if page is None:
            page = self._pages.get((form, False)) or self._text(snapshot, form)
            if gzipped:  # only this is kept: the text is as large as all rules
                page = igzip.compress(page, compresslevel=1)
            self._pages[form, gzipped] = page
        return page

    def _text(self, snapshot: Snapshot, form: TextFormat) -> bytes:
        end = _EOF if form is TextFormat.OPENMETRICS else b""
        return b"".join([*self._policy.render(snapshot.readings, form), self._own.render(form), end])
