"""How many requests may go out: client-go's token bucket, so that one node cannot flood the API server."""

from __future__ import annotations

import threading
import time


class RequestRate:
    """`burst` requests at once, then `per_second`; without limit if that is not positive."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._lock = threading.Lock()
        self._full_at = time.monotonic()  # when the bucket is full again, if nobody takes anything

    def delay(self) -> float:
        """Take one request; returns the seconds to wait before it may go out."""
        if self._per_second <= 0:
            return 0
        with self._lock:
            now = time.monotonic()
            self._full_at = max(self._full_at, now) + 1 / self._per_second
            return max(0, self._full_at - now - self._burst / self._per_second)
