"""Limits the rate of requests with a token bucket, as client-go does."""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """Allows `burst` requests at once, then `per_second`; no limit if that is zero or less. Thread-safe."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._lock = threading.Lock()
        self._full_at = time.monotonic()  # when the bucket is full again if no more requests come

    def delay(self) -> float:
        """Take one token; returns the seconds to wait before the request may be sent."""
        if self._per_second <= 0:
            return 0
        with self._lock:
            now = time.monotonic()
            self._full_at = max(self._full_at, now) + 1 / self._per_second
            return max(0, self._full_at - now - self._burst / self._per_second)
