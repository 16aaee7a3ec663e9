"""OTLP streams of the live series: since when each counts, and what of it a collector has already been told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.series import Readings, SeriesSet
from otel_calico.telemetry.instruments import in_order

_Names = tuple[str, ...]
_Texts = tuple[object, ...]


@dataclass(slots=True)
class Stream:
    """One live series. `sent` is its value in the last delta that arrived, `sent_at` that point's time."""

    since: int
    sent: int
    sent_at: int


class Streams:
    """Streams by metric name and attributes, for the series of the newest snapshot and no others."""

    def __init__(self) -> None:
        self._sets: Sequence[SeriesSet] = ()
        self._by_metric: dict[str, dict[_Names, dict[_Texts, Stream]]] = {}

    def __len__(self) -> int:
        return sum(len(streams) for by_names in self._by_metric.values() for streams in by_names.values())

    def follow(self, readings: Sequence[Readings]) -> None:
        """Know exactly the series of these readings. A series that stays keeps what was sent of it.

        A series begins with what it showed in the first scan as sent: no history goes into a delta. One whose
        `since` changed is a new stream that bears an old name.
        """
        sets = [one.series for one in readings]
        if len(sets) == len(self._sets) and all(new is old for new, old in zip(sets, self._sets, strict=True)):
            return
        former, self._by_metric, self._sets = self._by_metric, {}, sets
        for one in readings:
            name = one.series.metric.name
            known = former.get(name, {})
            zeros = (0,) * len(one.series.labels)
            by_names = self._by_metric.setdefault(name, {})
            for labels, since, first in zip(one.series.labels, one.series.since, one.first or zeros, strict=True):
                ordered = in_order(labels)
                names, texts = tuple(ordered), tuple(ordered.values())
                stream = known.get(names, {}).get(texts)
                if stream is None or stream.since != since:
                    stream = Stream(since, first, since)
                by_names.setdefault(names, {})[texts] = stream

    def find(self, metric: str, attributes: Mapping[str, object]) -> Stream | None:
        """The stream of a data point; its attributes are sorted by name, as `in_order` has them."""
        return self._by_metric.get(metric, {}).get(tuple(attributes), {}).get(tuple(attributes.values()))
