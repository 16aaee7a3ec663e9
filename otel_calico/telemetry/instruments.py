"""The policy metrics as OpenTelemetry instruments: their callbacks show one snapshot per collection.

The SDK calls the callbacks of a reader's collection one after the other, in the order in which the instruments
were made: the first takes the snapshot, the others show the same. One `PolicyInstruments` serves one reader.
`take` must not raise (`Scans.take` does not): the SDK drops the metric of a callback that raises and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel_calico.metrics import POLICY_METRICS, Metric
from otel_calico.series import Readings
from otel_calico.telemetry.scans import DROPPED_SCRAPE, Take

INSTRUMENTS = (*POLICY_METRICS, DROPPED_SCRAPE)


class PolicyInstruments:
    """One observable instrument per metric of the catalogue, on one meter with one reader; values as at `/metrics`."""

    def __init__(self, meter: Meter, take: Take) -> None:
        self._take = take
        self._by_metric: dict[Metric, list[Readings]] = {}
        self._shown: Sequence[Readings] = ()
        self.seen = 0  # attribute sets given to the meter since it was made; those that came back count again
        for metric in INSTRUMENTS:
            create = meter.create_observable_gauge if metric.gauge else meter.create_observable_counter
            create(metric.name, callbacks=[partial(self._observe, metric)], unit=metric.unit, description=metric.help)

    @property
    def live(self) -> int:
        """Attribute sets that the last collection was given."""
        return sum(len(readings.series.labels) for readings in self._shown)

    def _observe(self, metric: Metric, _: CallbackOptions) -> Iterator[Observation]:
        if metric is INSTRUMENTS[0]:
            self._refresh()
        for readings in self._by_metric.get(metric, ()):
            yield from map(Observation, readings.values, readings.series.labels)

    def _refresh(self) -> None:
        known = {one.series for one in self._shown}
        self._shown = self._take().readings
        self.seen += sum(len(one.series.labels) for one in self._shown if one.series not in known)
        self._by_metric = {}
        for one in self._shown:
            self._by_metric.setdefault(one.series.metric, []).append(one)
