"""Leaves out series at zero, or beyond a limit, where the settings say so.

Both leave out whole series and change no value. What is left of a set of series is a set of its own, the same object as
long as the same series are left of it, so that exporters may go on caching by identity.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import TypeVar

from otel_calico.metrics import (
    NO_POLICY_DROP,
    NODE_DROPPED,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_BYTES,
    POLICY_GROUP_INFO,
    POLICY_LAST_HIT,
    POLICY_METRICS,
    POLICY_PACKETS,
    WORKLOAD_DROPPED,
    WORKLOAD_POLICY,
    Metric,
)
from otel_calico.series import Readings, SeriesSet

_T = TypeVar("_T")
_Kept = Sequence[bool]  # for each series of a set

_KEPT_FIRST = (
    POLICY_PACKETS,
    POLICY_BYTES,
    POLICY_LAST_HIT,
    POLICY_GROUP_INFO,
    NO_POLICY_DROP,
    POLICY_ACCEPT_DROP,
    POLICY_ACCEPT,
    *NODE_DROPPED,
    *WORKLOAD_DROPPED,
    *WORKLOAD_POLICY,
)
"""The node's few first, then what tells of drops; the metrics not named here come last, in their own order."""

_RANKS = {metric: rank for rank, metric in enumerate(dict.fromkeys((*_KEPT_FIRST, *POLICY_METRICS)))}


@dataclass(frozen=True, slots=True)
class CardinalityChoice:
    """`omit_zeros` leaves out counters that never counted; `limit` is the most series to show, 0 for any number."""

    omit_zeros: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """What is left of a set (`kept` is None: all of it), in its last readings."""

    whole: Readings
    kept: _Kept | None
    part: Readings


class _Parts:
    """Parts of readings, by the set they are of."""

    def __init__(self) -> None:
        self._parts: dict[SeriesSet, _Part] = {}
        self._settled = True

    def choose_anew(self) -> None:
        """Ask about every set, also where its readings are the former ones."""
        self._settled = False

    def of(self, readings: Sequence[Readings], choose: Callable[[Readings], _Kept | None]) -> Sequence[Readings]:
        """What is left of these readings. `choose` says which series of a set to keep, None for all."""
        former, self._parts = self._parts, {}
        for one in readings:
            part = former.get(one.series)
            if part is None or part.whole is not one or not self._settled:
                part = _part(one, choose(one), part)
            self._parts[one.series] = part
        self._settled = True
        return [part.part for part in self._parts.values() if part.part.series.labels]


def _part(whole: Readings, kept: _Kept | None, former: _Part | None) -> _Part:
    if kept is None or all(kept):
        return _Part(whole, None, whole)
    if former and former.kept == kept:
        if former.whole is whole:
            return former
        series = former.part.series
    else:
        series = _chosen(whole.series, kept)
    values, lost, first = (_pick(column, kept) for column in (whole.values, whole.lost, whole.first))
    return _Part(whole, kept, Readings(series, values, lost, first))


def _chosen(series: SeriesSet, kept: _Kept) -> SeriesSet:
    return SeriesSet(series.metric, _pick(series.labels, kept), _pick(series.since, kept))


def _pick(column: Sequence[_T], kept: _Kept) -> list[_T]:
    return list(compress(column, kept))


class ShownOnceCounted:
    """Leaves out series that never counted, scan after scan, whatever was asked for."""

    def __init__(self) -> None:
        self._nonzero = _Parts()

    def of(self, readings: Sequence[Readings]) -> Sequence[Readings]:
        """What is left of these readings."""
        return self._nonzero.of(readings, _not_zero)


@dataclass(slots=True)
class Cardinality:
    """Chooses scan after scan. `left_out` is what the limit left out of the last one."""

    choice: CardinalityChoice
    left_out: Sequence[SeriesSet] = ()
    _nonzero: _Parts = field(default_factory=_Parts)
    _limited: _Parts = field(default_factory=_Parts)
    _offered: Sequence[SeriesSet] = ()
    _within: Mapping[SeriesSet, _Kept] = field(default_factory=dict)

    def shown(self, readings: Sequence[Readings]) -> Sequence[Readings]:
        """What is left of the readings of a scan: the same objects where nothing was left out."""
        if self.choice.omit_zeros:
            readings = self._nonzero.of(readings, _not_zero)
        if not self.choice.limit:
            return readings
        offered = [one.series for one in readings]
        if offered != self._offered:
            self._offered, self._within = offered, _within(self.choice.limit, offered)
            self.left_out = [_chosen(series, [not one for one in kept]) for series, kept in self._within.items()]
            self._limited.choose_anew()
        return self._limited.of(readings, lambda one: self._within.get(one.series)) if self._within else readings


def _not_zero(readings: Readings) -> _Kept | None:
    """Which series have ever counted; a reset may have taken all of it away. Gauges say something at 0 as well."""
    if readings.series.metric.gauge:
        return None
    ever = map(operator.or_, readings.values, readings.lost) if readings.lost else readings.values
    return list(map(bool, ever))


def _within(limit: int, offered: Iterable[SeriesSet]) -> Mapping[SeriesSet, _Kept]:
    """What to keep of sets of which something is left out: metric by metric, in one of them by the order of labels.

    The choice depends on nothing but the series there are: each one that comes puts one at most out of its place.
    """
    by_metric: dict[Metric, list[SeriesSet]] = {}
    for series in offered:
        by_metric.setdefault(series.metric, []).append(series)
    kept: dict[SeriesSet, _Kept] = {}
    for metric in sorted(by_metric, key=lambda metric: _RANKS[metric]):
        sets = by_metric[metric]
        size = sum(len(series.labels) for series in sets)
        if size > limit:
            kept |= _first_by_labels(limit, sets)
        limit = max(0, limit - size)
    return kept


def _first_by_labels(limit: int, sets: Sequence[SeriesSet]) -> Mapping[SeriesSet, _Kept]:
    if limit == 0:
        return {series: [False] * len(series.labels) for series in sets}
    keys = [[sorted(labels.items()) for labels in series.labels] for series in sets]
    last = sorted(key for of_set in keys for key in of_set)[limit - 1]
    return {series: [key <= last for key in of_set] for series, of_set in zip(sets, keys, strict=True)}


def count_by_metric(sets: Iterable[SeriesSet]) -> Mapping[Metric, int]:
    """How many series there are of each metric that has any."""
    found: Counter[Metric] = Counter()
    for series in sets:
        found[series.metric] += len(series.labels)
    return +found
