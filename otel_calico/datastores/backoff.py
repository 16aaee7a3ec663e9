"""How long a reflector waits before it lists or watches again: exponential backoff with full jitter.

Source of the minimum interval: `libcalico-go/lib/backend/watchersyncer/watchercache.go`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """All times are in seconds.

    `minimum` is the shortest time between two attempts, `maximum` limits the exponential growth. A watch that lasted
    `reset_after` sets the count of failures back to zero. `spread` delays lists that all nodes of a cluster would
    otherwise send at the same moment: at the start, and when the server has dropped its history.
    """

    minimum: float = 0.5
    maximum: float = 30
    reset_after: float = 10
    spread: float = 0

    def delay(self, failures: int, elapsed: float) -> float:
        """Seconds to wait after so many failures in a row, if the last attempt began `elapsed` seconds ago."""
        longest = min(self.maximum, self.minimum * 2 ** min(failures, _MOST_DOUBLINGS)) if failures else 0
        return max(random.uniform(0, longest), self.minimum - elapsed)  # noqa: S311 - jitter, not a secret

    def list_delay(self) -> float:
        """Seconds to wait before a list that other nodes send at the same moment."""
        return random.uniform(0, self.spread)  # noqa: S311 - jitter, not a secret
