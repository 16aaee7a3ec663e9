"""Divides what a group decided on one workload among its members, counted since the start.

A share gets what only its member can have done (`Decisions.least`); the rest stays on the series of the group. So
the group and its members together are always what the endpoint chain counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.interval import ChainInterval
from otel_calico.attribution.planned_series import SharedSeries
from otel_calico.series import LabelKey, Readings, SeriesSet, label_key


class SharedAccount:
    """The shared series of one metric and one chain, scan after scan."""

    __slots__ = ("_counted", "_plan", "_readings", "_wholes")

    def __init__(self) -> None:
        self._wholes = DifferenceAccount()
        self._counted: Readings | None = None  # of the wholes, before their parting
        self._plan: SharedSeries | None = None
        self._readings: Readings | None = None

    def read(self, plan: SharedSeries, counters: list[int], chain: ChainInterval) -> Readings:
        """The readings of this scan, wholes first; the former object if nothing was booked.

        `counters` are those of the plan's rules.
        """
        former, counted = self._counted, self._wholes.read(plan.wholes, counters, chain)
        readings = self._readings
        if readings is None or plan is not self._plan:
            readings = self._start(plan, counted, chain)
        if counted is not former:
            gains = _gains(former, counted)
            if any(gains):
                added = _parted(plan, gains, chain)
                values = [value + more for value, more in zip(readings.values, added, strict=True)]
                readings = Readings(readings.series, values)
        self._plan, self._counted, self._readings = plan, counted, readings
        return readings

    def _start(self, plan: SharedSeries, counted: Readings, chain: ChainInterval) -> Readings:
        """Carry on the series that the plan shares with the former one, whatever they were made of."""
        unknown = 0, chain.since
        labels = (*counted.series.labels, *plan.labels)
        streams = self._streams()
        found = [streams.get(label_key(own), unknown) for own in labels]
        series = SeriesSet(plan.metric, labels, [since for _, since in found])
        return Readings(series, [value for value, _ in found])

    def _streams(self) -> Mapping[LabelKey, tuple[int, int]]:
        if self._readings is None:
            return {}
        series = self._readings.series
        columns = zip(series.labels, self._readings.values, series.since, strict=True)
        return {label_key(labels): (value, since) for labels, value, since in columns}


def _gains(former: Readings | None, now: Readings) -> Sequence[int]:
    """What was booked in this scan, per series."""
    if former is None:
        return now.values
    if former.series is now.series:
        return [new - old for old, new in zip(former.values, now.values, strict=True)]
    known = {label_key(labels): value for labels, value in zip(former.series.labels, former.values, strict=True)}
    return [
        value - known.get(label_key(labels), 0) for labels, value in zip(now.series.labels, now.values, strict=True)
    ]


def _parted(plan: SharedSeries, gains: Sequence[int], chain: ChainInterval) -> list[int]:
    """What to add to each series: to shares what is proven, to the wholes the rest."""
    rests, proven = list(gains), []
    for share in plan.shares:
        decisions = chain.groups.get(share.group)
        gain = gains[share.whole]
        least = 0
        if gain and decisions:
            least = decisions.least(share.verdict, share.member, gain, octets=plan.metric.counts_bytes)
        rests[share.whole] -= least
        proven.append(least)
    if min(rests) < 0:  # the lines contradict each other: a packet passed between the reading of two
        return [*gains, *(0 for _ in proven)]
    return rests + proven
