"""How long the steps of the scans took: one histogram, shown by OpenTelemetry and on the page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_calico.series import Snapshot

NAME = "otel_calico.scan.duration"
HELP = "Time one step of a scan took."
UNIT = "s"
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)
"""Upper bounds in seconds; a warm scan takes a few milliseconds of its own, reading a large table half a second."""


@dataclass(slots=True)
class StepDuration:
    """All that was measured of one step. `counts` are of each bucket alone; the last is of what is above all bounds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class StepDurations:
    """The durations of each step since the start."""

    def __init__(self) -> None:
        self._steps: dict[str, StepDuration] = {}

    @property
    def steps(self) -> Mapping[str, StepDuration]:
        """By step, in the order in which they came."""
        return self._steps

    def record(self, snapshot: Snapshot) -> None:
        """Count the steps of one scan."""
        for step, seconds in snapshot.report.seconds.items():
            duration = self._steps.get(step) or self._steps.setdefault(step, StepDuration())
            duration.counts[bisect_left(BUCKETS, seconds)] += 1
            duration.seconds += seconds
