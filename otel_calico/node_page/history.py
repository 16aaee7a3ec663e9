"""Keeps scans of the last minutes, for rates, while somebody views the pages."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from otel_calico.scanning.scan import Scan
from otel_calico.snapshot import Snapshot

STEP_SECONDS = 15.0
"""Rates are taken over one to two steps, once somebody has looked for as long."""
FORGET_SECONDS = 120.0
"""After the last look."""


class History:
    """Keeps two scans at most. Used by several threads. `clock` is in seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: deque[Scan] = deque()
        self._looked = 0.0

    @property
    def empty(self) -> bool:
        """True if no scan is kept."""
        return not self._kept

    def former(self, before: Scan | None, latest: Scan) -> Scan | None:
        """What to compare the latest scan with. `before` is the scan before it, whoever made it: for the first look."""
        with self._lock:
            self._looked = self._clock()
            if latest.snapshot.failure is not None:
                return None
            if before is not None and before.snapshot.failure is None and self._is_stale(before):
                self._kept = deque([before])
            if not self._kept or latest.taken - self._kept[-1].taken >= STEP_SECONDS:
                self._kept.append(latest)
                while len(self._kept) > 2:
                    self._kept.popleft()
            return self._kept[0] if self._kept[0].taken < latest.taken else None

    def _is_stale(self, before: Scan) -> bool:
        """True if all that is kept is long before another scan, since nobody looked meanwhile."""
        return not self._kept or before.taken - self._kept[-1].taken > 2 * STEP_SECONDS

    def forget(self, _: Snapshot) -> None:
        """Called with each scan: let go of all if nobody looked for a while."""
        if self._kept and self._clock() - self._looked > FORGET_SECONDS:
            with self._lock:
                self._kept.clear()
