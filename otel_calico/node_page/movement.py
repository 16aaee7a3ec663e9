"""Differences between the series of two snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otel_calico.metrics import Metric
from otel_calico.series import LabelKey, Labels, Readings, SeriesSet, label_key
from otel_calico.snapshot import Snapshot

_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Moved:
    """One series: what it gained between the snapshots, and its value in the later one."""

    labels: Labels
    gained: int
    total: int


@dataclass(frozen=True, slots=True)
class Movement:
    """A snapshot, and one before it to compare with; None right after the start, when nothing can be said to move."""

    former: Snapshot | None
    latest: Snapshot

    @property
    def seconds(self) -> float:
        """Time between both; 0 without a former one."""
        return self.latest.taken - self.former.taken if self.former else 0.0

    def of(self, metric: Metric) -> Iterator[Moved]:
        """All series of a metric."""
        former = {one.series: one for one in self.former.readings} if self.former else {}
        anew = self._by_labels(metric, former)
        for readings in self.latest.readings:
            if readings.series.metric is not metric:
                continue
            before = former.get(readings.series)
            starts = _values(before) if before else [self._start(readings, at, anew) for at in _places(readings)]
            for labels, value, now, start in zip(
                readings.series.labels, readings.values, _values(readings), starts, strict=True
            ):
                yield Moved(labels, max(0, now - start), value)

    def _by_labels(self, metric: Metric, former: dict[SeriesSet, Readings]) -> dict[LabelKey, int]:
        """Former values of the series whose chain was planned anew since, by their labels."""
        kept = {readings.series for readings in self.latest.readings}
        return {
            label_key(labels): value
            for series, readings in former.items()
            if series.metric is metric and series not in kept
            for labels, value in zip(series.labels, _values(readings), strict=True)
        }

    def _start(self, readings: Readings, at: int, anew: dict[LabelKey, int]) -> int:
        """What a series of a new set counts from: its former value, zero if it appeared since, else its own value."""
        series = readings.series
        known = anew.get(label_key(series.labels[at]))
        if known is not None:
            return known
        appeared = self.former is not None and series.since[at] / _NANOSECONDS >= self.former.taken
        return 0 if appeared else _values(readings)[at]


def _places(readings: Readings) -> range:
    return range(len(readings.series.labels))


def _values(readings: Readings) -> Sequence[int]:
    """Values with what counter resets took away, so that they never fall."""
    if not readings.lost:
        return readings.values
    return [value + lost for value, lost in zip(readings.values, readings.lost, strict=True)]
