"""The collector's scans as those who show them see them: taken once for all that shows the same one, and counted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from otel_calico.metrics import DROPPED_SCRAPE
from otel_calico.scanning.scan import Scan
from otel_calico.series import Readings, ScanFailure, SeriesSet, Snapshot

log = structlog.get_logger(__name__)

Take = Callable[[], Snapshot]


class Scans:
    """Hands out scans, or their snapshots alone, and keeps their tally. Safe to use from several threads.

    A snapshot comes with one more series, `calico_accountant_dropped_scrape`, which no ruleset holds. Taking one
    never raises: whatever the collector fails with becomes a failed snapshot.
    """

    def __init__(self, collect: Callable[[], Scan]) -> None:
        self._collect = collect
        self._on_scan: list[Callable[[Snapshot], None]] = []
        self._lock = threading.Lock()
        self._held = threading.local()
        self._raw: Snapshot | None = None
        self._newest: Scan | None = None
        self._last_good = time.monotonic()
        self._newest_at = self._last_good
        self._dropped = Readings(SeriesSet(DROPPED_SCRAPE, ({},), (time.time_ns(),)), (0,))
        self.results: Counter[tuple[str, str]] = Counter()  # (result, kind of failure or "")

    @property
    def newest(self) -> Snapshot | None:
        """The last snapshot anyone took, without taking one."""
        return self._newest.snapshot if self._newest else None

    @property
    def newest_scan(self) -> Scan | None:
        """The scan behind it."""
        return self._newest

    @property
    def seconds_since_good(self) -> float:
        """Age of the last good scan, or of this object if there was none."""
        return time.monotonic() - self._last_good

    def take(self) -> Snapshot:
        """The current snapshot: within `holding` the held one, else a fresh one of the collector."""
        held: Snapshot | None = getattr(self._held, "snapshot", None)
        return held or self.scan().snapshot

    def scan(self) -> Scan:
        """The current scan."""
        return self._enter(self._ask())

    def subscribe(self, on_scan: Callable[[Snapshot], None]) -> None:
        """Call this once for each new scan, on the thread that took it."""
        self._on_scan.append(on_scan)

    def recent(self, seconds: float) -> Snapshot:
        """The last snapshot if it is good and not older than this, else a fresh one."""
        newest = self.newest
        if newest is not None and newest.failure is None and time.monotonic() - self._newest_at < seconds:
            return newest
        return self.take()

    @contextmanager
    def holding(self) -> Iterator[Snapshot]:
        """While this lasts, `take` gives this thread the same snapshot: one page shows one scan."""
        snapshot = self.take()
        self._held.snapshot = snapshot
        try:
            yield snapshot
        finally:
            del self._held.snapshot

    def _ask(self) -> Scan:
        try:
            return self._collect()
        except Exception as error:  # an SDK callback that raises makes its metric vanish silently
            log.exception("scan_crashed")
            return Scan(Snapshot(time.time(), failure=ScanFailure("internal_error", repr(error))))

    def _enter(self, scan: Scan) -> Scan:
        raw = scan.snapshot
        with self._lock:
            if raw is self._raw and self._newest is not None:
                return self._newest
            self._raw, self._newest_at = raw, time.monotonic()
            self._count(raw)
            self._newest = newest = Scan(replace(raw, readings=(*raw.readings, self._dropped)), scan.rulesets)
        for tell in self._on_scan:
            tell(raw)
        return newest

    def _count(self, raw: Snapshot) -> None:
        if raw.failure is not None:
            self.results["failure", raw.failure.kind] += 1
            return
        self._last_good = self._newest_at
        if raw.report.below_minimum:
            self.results["left_out", ""] += 1
            self._dropped = Readings(self._dropped.series, (self._dropped.values[0] + 1,))
        else:
            self.results["success", ""] += 1
