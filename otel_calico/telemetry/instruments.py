"""The policy metrics as OpenTelemetry instruments: observable counters whose callbacks show a snapshot.

The SDK (1.45) never forgets an attribute set that an observable instrument once showed, and folds those beyond a
limit into one overflow point. So a provider of these instruments does not live long (`renewal`, `policy_exporter`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    ExemplarReservoir,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
)
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from otel_calico import __version__
from otel_calico.metrics import DROPPED_SCRAPE, POLICY_METRICS, Metric
from otel_calico.scans import Take
from otel_calico.series import Readings

INSTRUMENTS = (*POLICY_METRICS, DROPPED_SCRAPE)

_NO_LIMIT = 2**31
LIMITS: CardinalityLimits = {ObservableCounter: _NO_LIMIT, ObservableGauge: _NO_LIMIT}
"""For readers of policy instruments: what they may see is limited by how long they live."""


def policy_provider(reader: MetricReader, resource: Resource) -> MeterProvider:
    """A provider for policy instruments, without what only measurements of a process need."""
    return MeterProvider(
        [reader],
        resource=resource,
        exemplar_filter=AlwaysOffExemplarFilter(),
        shutdown_on_exit=False,
        views=[View(instrument_name="*", exemplar_reservoir_factory=_no_exemplars)],
    )


def create_instruments(
    meter: Meter, observe: Callable[[Metric], Iterable[Observation]], metrics: Iterable[Metric] = INSTRUMENTS
) -> None:
    """One observable instrument per metric. `observe` must not raise: the SDK would drop the metric and go on."""
    for metric in metrics:
        create = meter.create_observable_gauge if metric.gauge else meter.create_observable_counter
        create(metric.name, callbacks=[partial(_observed, metric, observe)], unit=metric.unit, description=metric.help)


def _observed(
    metric: Metric, observe: Callable[[Metric], Iterable[Observation]], _: CallbackOptions
) -> Iterable[Observation]:
    return observe(metric)


class SnapshotInstruments:
    """The instruments of whole snapshots, with the values of `/metrics`; one for one reader.

    The SDK calls the callbacks of a collection one after the other, in the order in which the instruments were made:
    the first takes the snapshot, the others show the same.
    """

    def __init__(self, provider: MeterProvider, take: Take) -> None:
        self._take = take
        self._by_metric: dict[Metric, list[Readings]] = {}
        self._shown: Sequence[Readings] = ()
        self.seen = 0  # attribute sets given to the meter since it was made; those that came back count again
        create_instruments(provider.get_meter("otel_calico", __version__), self._observe)

    @property
    def live(self) -> int:
        """Attribute sets that the last collection was given."""
        return sum(len(readings.series.labels) for readings in self._shown)

    def _observe(self, metric: Metric) -> Iterator[Observation]:
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


class _NoExemplars(ExemplarReservoir):
    """Counters of the kernel have no traces; one empty reservoir for all series spares each its own."""

    def offer(self, *_: object) -> None:
        """Take nothing."""

    def collect(self, *_: object) -> list[object]:  # type: ignore[override]
        """Give nothing."""
        return []


_NONE = _NoExemplars()


def _no_exemplars(_: type) -> Callable[..., ExemplarReservoir]:
    return lambda **_: _NONE
