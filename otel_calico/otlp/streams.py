"""Data points of the policy series as OTLP streams, cumulative or delta."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import add
from typing import Protocol

from opentelemetry.sdk.metrics.export import AggregationTemporality

from otel_calico.metrics import Metric
from otel_calico.series import LabelKey, Readings, SeriesSet, label_key
from otel_calico.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Piece:
    """Readings of neighbouring series of one set, that go in one request."""

    readings: Readings
    part: slice

    @property
    def series(self) -> SeriesSet:
        """The set they are of."""
        return self.readings.series

    @property
    def values(self) -> Sequence[int]:
        """Values plus what resets took away: what a stream needs, for it never falls."""
        shown, lost = self.readings.values[self.part], self.readings.lost[self.part]
        return list(map(add, shown, lost)) if lost else shown


class Streams(Protocol):
    """One kind of stream for all series of an exporter. Times are Unix times in nanoseconds."""

    temporality: AggregationTemporality

    def follow(self, snapshot: Snapshot) -> None:
        """Begin a push of this snapshot."""

    def numbers(self, piece: Piece) -> Iterable[tuple[int, int]]:
        """Start time and value of the points of some series."""

    def arrived(self, piece: Piece, now: int) -> None:
        """These points have been received."""


class Cumulative:
    """Streams that count since the series is there; nothing is to be remembered of them."""

    temporality = AggregationTemporality.CUMULATIVE

    def follow(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def numbers(self, piece: Piece) -> Iterable[tuple[int, int]]:
        """The values, since the series began."""
        return zip(piece.series.since[piece.part], piece.values, strict=True)

    def arrived(self, piece: Piece, now: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """Of each series of a set: its value in the last delta that arrived, and that point's time."""

    values: list[int]
    times: list[int]


class Delta:
    """Streams of what came since the last point that really arrived.

    A series begins with what it showed in the first scan as sent: no history goes into a delta. One that stays keeps
    what was sent of it, also when its chain changed and it comes in another set, or when the limit on series leaves it
    out for a while. One whose `since` changed is a new stream that bears an old name.
    """

    temporality = AggregationTemporality.DELTA

    def __init__(self) -> None:
        self._sent: dict[SeriesSet, _Sent] = {}
        self._unseen: dict[_Identity, tuple[int, int]] = {}  # of series left out
        self._left_out: Sequence[SeriesSet] = ()

    def __len__(self) -> int:
        return sum(len(sent.values) for sent in self._sent.values())

    def follow(self, snapshot: Snapshot) -> None:
        """Forget the series that are gone. A scan without series of the ruleset says nothing about which are."""
        if snapshot.failure is not None or snapshot.report.below_minimum:
            return
        live = {one.series for one in snapshot.readings}
        gone = _by_identity((series, sent) for series, sent in self._sent.items() if series not in live)
        former = self._unseen | gone
        self._sent = {one.series: self._sent.get(one.series) or _begin(one, former) for one in snapshot.readings}
        if gone or snapshot.left_out is not self._left_out:
            self._left_out = snapshot.left_out
            unseen = itertools.chain.from_iterable(map(_identities, snapshot.left_out))
            self._unseen = {stream: former[stream] for stream in unseen if stream in former}

    def numbers(self, piece: Piece) -> Iterable[tuple[int, int]]:
        """What came since the last one."""
        sent = self._sent.get(piece.series) or self._sent.setdefault(piece.series, _begin(piece.readings, {}))
        came = [max(0, value - before) for value, before in zip(piece.values, sent.values[piece.part], strict=True)]
        return zip(sent.times[piece.part], came, strict=True)

    def arrived(self, piece: Piece, now: int) -> None:
        """The next delta begins here."""
        sent = self._sent[piece.series]
        sent.values[piece.part] = map(max, piece.values, sent.values[piece.part])
        sent.times[piece.part] = [now] * len(sent.times[piece.part])


_Identity = tuple[Metric, int, LabelKey]


def _by_identity(known: Iterable[tuple[SeriesSet, _Sent]]) -> dict[_Identity, tuple[int, int]]:
    """What was sent of each series, and when, by what a stream is."""
    return {
        stream: sent
        for series, state in known
        for stream, sent in zip(_identities(series), zip(state.values, state.times, strict=True), strict=True)
    }


def _begin(readings: Readings, former: dict[_Identity, tuple[int, int]]) -> _Sent:
    series = readings.series
    first = readings.first or (0,) * len(series.labels)
    states = list(zip(first, series.since, strict=True))
    if former:
        states = [former.get(stream, state) for stream, state in zip(_identities(series), states, strict=True)]
    return _Sent([value for value, _ in states], [time for _, time in states])


def _identities(series: SeriesSet) -> Iterator[_Identity]:
    for labels, since in zip(series.labels, series.since, strict=True):
        yield series.metric, since, label_key(labels)
