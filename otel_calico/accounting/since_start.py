"""The series of one metric, counted since the start by what they gain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from otel_calico.metrics import Metric
from otel_calico.series import Labels, Readings, SeriesSet

_K = TypeVar("_K", bound=Hashable)

Gains = Mapping[int, int]
"""What series gained, by their place among those of the plan."""


class SinceStart(Generic[_K]):
    """Totals of series that are told by keys, scan after scan; what is no longer asked for is forgotten."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._series: Mapping[_K, Labels] = {}
        self._keys: Sequence[_K] = ()
        self._since: dict[_K, int] = {}
        self._totals: list[int] = []
        self._readings = Readings(SeriesSet(metric, (), ()), ())

    def read(self, series: Mapping[_K, Labels], gains: Gains, since: int) -> Readings:
        """The totals of these series after these gains; the former object if nothing changed.

        `since` is when a series that is new begins to count, in Unix nanoseconds: at the scan before.
        """
        if series is not self._series:
            self._follow(series, since)
        if gains:
            for place, gained in gains.items():
                self._totals[place] += gained
            self._readings = Readings(self._readings.series, list(self._totals))
        return self._readings

    def _follow(self, series: Mapping[_K, Labels], since: int) -> None:
        former, self._series = self._series, series
        if former == series and list(former) == list(series):
            return
        totals = dict(zip(self._keys, self._totals, strict=True))
        self._keys = tuple(series)
        self._since = {key: self._since.get(key, since) for key in series}
        self._totals = [totals.get(key, 0) for key in series]
        labels, begun = list(series.values()), list(self._since.values())
        self._readings = Readings(SeriesSet(self._metric, labels, begun), list(self._totals))
