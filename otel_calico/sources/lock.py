"""The xtables lock, which every writer of legacy tables holds (`iptables/xshared.c`)."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.01  # seconds between tries; a writer holds the lock for some milliseconds


@dataclass(frozen=True, slots=True)
class XtablesLock:
    """`wait` is how long to try, in seconds."""

    path: Path = Path("/run/xtables.lock")
    wait: float = 2.0

    @contextlib.contextmanager
    def shared(self, at_most: float = math.inf) -> Iterator[bool]:
        """Hold the lock as one reader among others; yields False where it could not be had in time.

        `at_most` seconds bound the wait too.

        Shared is enough: writers take it exclusively. A file that does not exist is not made: it would be this
        container's own, and keep nobody away.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield False
            return
        try:
            yield self._acquire(descriptor, time.monotonic() + min(at_most, self.wait))
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, deadline: float) -> bool:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL)
            else:
                return True
