"""The series of one metric, counted since the start by what they gain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from otel_calico.metrics import Metric
from otel_calico.series import Labels, Readings, SeriesSet

_K = TypeVar("_K", bound=Hashable)


class SinceStart(Generic[_K]):
    """Totals by key, scan after scan; what is no longer asked for is forgotten."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._series: Mapping[_K, Labels] = {}
        self._since: dict[_K, int] = {}
        self._totals: dict[_K, int] = {}
        self._readings = Readings(SeriesSet(metric, (), ()), ())

    def read(self, series: Mapping[_K, Labels], gains: Mapping[_K, int], since: int) -> Readings:
        """The totals of these series after these gains; the former object if nothing changed.

        `since` is when a series that is new begins to count, in Unix nanoseconds: at the scan before.
        """
        if series is not self._series:
            self._follow(series, since)
        for key, gained in gains.items():
            if key in self._totals:
                self._totals[key] += gained
        values = list(self._totals.values())
        if values != self._readings.values:
            self._readings = Readings(self._readings.series, values)
        return self._readings

    def _follow(self, series: Mapping[_K, Labels], since: int) -> None:
        former, self._series = self._series, series
        if former == series and list(former) == list(series):
            return
        self._since = {key: self._since.get(key, since) for key in series}
        self._totals = {key: self._totals.get(key, 0) for key in series}
        values = list(self._totals.values())
        self._readings = Readings(SeriesSet(self._metric, list(series.values()), list(self._since.values())), values)
