"""Counts the scans of this process by result."""

from __future__ import annotations

import time
from collections import Counter

from otel_calico.failed_parts import ScanPart
from otel_calico.metrics import DROPPED_SCRAPE
from otel_calico.series import Readings, SeriesSet
from otel_calico.snapshot import Snapshot


class ScanTally:
    """`results` counts scans by result and kind of failure: `("success", "")`, `("failure", "time_limit")`.

    `failed_parts` counts what single scans left out because of a fault of otel-calico's own.
    `dropped_scrapes` is the series of those that MINIMUM_COUNTER left out.
    """

    def __init__(self) -> None:
        self.results: Counter[tuple[str, str]] = Counter()
        self.failed_parts: Counter[ScanPart] = Counter()
        self.dropped_scrapes = Readings(SeriesSet(DROPPED_SCRAPE, ({},), (time.time_ns(),)), (0,))
        self._last_good = time.monotonic()

    @property
    def seconds_since_good(self) -> float:
        """Age of the last good scan, or of this object if there was none."""
        return time.monotonic() - self._last_good

    def count(self, snapshot: Snapshot) -> None:
        """Count one scan."""
        self.failed_parts.update(failed.part for failed in snapshot.report.failed_parts)
        if snapshot.failure is not None:
            self.results["failure", snapshot.failure.kind] += 1
            return
        self._last_good = time.monotonic()
        if snapshot.report.below_minimum:
            self.results["left_out", ""] += 1
            self.dropped_scrapes = Readings(self.dropped_scrapes.series, (self.dropped_scrapes.values[0] + 1,))
        else:
            self.results["success", ""] += 1
