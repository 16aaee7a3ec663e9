"""What is measured on the way, and whether it stays flat."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

_WARM_UP = 0.25  # part of the run in which caches and arenas fill
_MOST = 300  # samples that are compared pair by pair


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the service: `seconds` since the start of the run."""

    seconds: float
    megabytes: float
    files: int
    threads: int
    scrape: float
    """CPU milliseconds of one scrape."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    seen: str
    bar: str
    holds: bool

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """For the table."""
        return self.what, self.seen, self.bar, "holds" if self.holds else "**broken**"


def flat(what: str, unit: str, course: Sequence[tuple[float, float]], share: float, least: float) -> Row:
    """Whether values by time stay flat: over the run they may grow by a share of what they are, or by `least`."""
    settled = course[int(len(course) * _WARM_UP) :]
    values = [value for _, value in settled]
    growth = slope(settled) * (settled[-1][0] - settled[0][0])
    allowed = max(share * statistics.median(values), least)
    low, middle, high = min(values), statistics.median(values), max(values)
    seen = f"{middle:.1f} {unit} ({low:.1f} to {high:.1f}), trend over the run {growth:+.2f} {unit}"
    return Row(what, seen, f"trend ≤ {allowed:.1f} {unit}", growth <= allowed)


def slope(course: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs (Theil and Sen): a few wild samples do not bend it."""
    step = max(1, len(course) // _MOST)
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(course[::step], 2)
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
