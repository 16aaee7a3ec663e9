"""When the scans were, as far as the accounts need it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanTimes:
    """`previous` is the Unix time in nanoseconds of the scan before this one; of this one, where it is the first."""

    previous: int
    first: bool
