"""The collector: one scan at a time, shared by all callers within the freshness window, counted and logged."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from otel_calico.scanning.scan import Scan
from otel_calico.scanning.scan_log import ScanLog
from otel_calico.scanning.tally import ScanTally
from otel_calico.snapshot import Snapshot


class Scanner(Protocol):
    """Scans the node once at each call. Used by one thread at a time."""

    @property
    def lookups_version(self) -> int:
        """Grows when the next scan would name something else than the last one."""

    def scan(self) -> Scan:
        """A new scan, good or failed. Never raises."""

    def close(self) -> None:
        """End a scan that is under way. From any thread."""


class Collector:
    """Scans for everybody who asks. Safe to use from several threads.

    `freshness` is how many seconds a scan serves further callers. `latest` is the last scan, without taking one.
    Every snapshot has one series more than the scanner found: `calico_accountant_dropped_scrape`, which no rule counts.
    """

    def __init__(self, scanner: Scanner, freshness: float = 1.0) -> None:
        self._scanner = scanner
        self._freshness = freshness
        self._scanning = threading.Lock()
        self._expires = 0.0
        self._lookups_version = -1
        self._log = ScanLog()
        self._on_scan: list[Callable[[Snapshot], None]] = []
        self.tally = ScanTally()
        self.latest: Scan | None = None

    def subscribe(self, on_scan: Callable[[Snapshot], None]) -> None:
        """Call this once for each new scan, on the thread that took it. It must not scan."""
        self._on_scan.append(on_scan)

    def close(self) -> None:
        """End a scan that is under way. From any thread."""
        self._scanner.close()

    def scan(self) -> Scan:
        """A scan no older than the freshness window. Never raises: the snapshot of a failed one says so."""
        with self._scanning:
            if self.latest is None or not self._is_fresh():
                self._lookups_version = self._scanner.lookups_version
                self.latest = self._take()
                self._expires = time.monotonic() + self._freshness
            return self.latest

    def _is_fresh(self) -> bool:
        return time.monotonic() < self._expires and self._lookups_version == self._scanner.lookups_version

    def _take(self) -> Scan:
        with _garbage_collection_paused():
            scan = self._scanner.scan()
        self.tally.count(scan.snapshot)
        self._log.tell(scan.snapshot)
        for tell in self._on_scan:
            tell(scan.snapshot)
        readings = (*scan.snapshot.readings, self.tally.dropped_scrapes)
        return replace(scan, snapshot=replace(scan.snapshot, readings=readings))


@contextlib.contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """A scan makes many objects that stay: the garbage collector would walk them again and again and find nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
