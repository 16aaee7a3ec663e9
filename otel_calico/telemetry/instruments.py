"""The policy metrics as OpenTelemetry instruments: their callbacks show one snapshot per collection.

The SDK calls the callbacks of a reader's collection one after the other, in the order in which the instruments
were made: the first takes the snapshot, the others show the same. One `PolicyInstruments` serves one reader.
`take` must not raise (`Scans.take` does not): the SDK drops the metric of a callback that raises and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import add

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel_calico.metrics import POLICY_METRICS, Metric
from otel_calico.series import Labels, Readings, SeriesSet
from otel_calico.telemetry.scans import DROPPED_SCRAPE, Take

INSTRUMENTS = (*POLICY_METRICS, DROPPED_SCRAPE)

Values = Callable[[Readings], Iterable[int]]


def exposed_values(readings: Readings) -> Iterable[int]:
    """Values as at `/metrics`; a counter reset of the kernel shows."""
    return readings.values


def never_falling(readings: Readings) -> Iterable[int]:
    """Values plus what resets took away: what an OTLP stream needs."""
    return map(add, readings.values, readings.lost) if readings.lost else readings.values


class PolicyInstruments:
    """One observable instrument per metric of the catalogue, on one meter with one reader."""

    def __init__(self, meter: Meter, take: Take, values: Values) -> None:
        self._take = take
        self._values = values
        self._attributes: dict[SeriesSet, Sequence[Labels]] = {}
        self._by_metric: dict[Metric, list[Readings]] = {}
        self.shown: Sequence[Readings] = ()  # what the last collection was given
        self.seen = 0  # attribute sets given to the meter since it was made; those that came back count again
        for metric in INSTRUMENTS:
            create = meter.create_observable_gauge if metric.gauge else meter.create_observable_counter
            create(metric.name, callbacks=[partial(self._observe, metric)], unit=metric.unit, description=metric.help)

    def _observe(self, metric: Metric, _: CallbackOptions) -> Iterator[Observation]:
        if metric is INSTRUMENTS[0]:
            self._refresh()
        for readings in self._by_metric.get(metric, ()):
            yield from map(Observation, self._values(readings), self._attributes[readings.series])

    def _refresh(self) -> None:
        shown = self._take().readings
        known = self._attributes
        self._attributes = {one.series: known.get(one.series) or _attributes(one.series) for one in shown}
        self.seen += sum(len(series.labels) for series in self._attributes if series not in known)
        self._by_metric = {}
        for one in shown:
            self._by_metric.setdefault(one.series.metric, []).append(one)
        self.shown = shown


def in_order(labels: Mapping[str, str]) -> Labels:
    """The same labels sorted by name, so that equal attributes have equal tuples of names and values."""
    names = list(labels)
    ordered = sorted(names)
    return labels if names == ordered else {name: labels[name] for name in ordered}


def _attributes(series: SeriesSet) -> Sequence[Labels]:
    return tuple(in_order(labels) for labels in series.labels)
