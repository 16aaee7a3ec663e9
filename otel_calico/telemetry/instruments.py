"""Policy metrics and own metrics as OpenTelemetry instruments: observable ones, whose callbacks show a snapshot.

The SDK (1.45) never forgets an attribute set that an observable instrument once showed, and folds those beyond a limit
into one overflow point. So a provider of policy instruments does not live long (`otlp.policy_exporter`,
`prometheus.opentelemetry_exposition`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry import step_durations
from otel_calico.telemetry.own_metric import OwnMetric
from otel_calico.telemetry.own_metrics import OWN_METRICS
from otel_calico.telemetry.service_state import ServiceState

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
        create(
            metric.name,
            callbacks=[partial(_observe_policy, metric, observe)],
            unit=metric.unit,
            description=metric.help,
        )


def _observe_policy(
    metric: Metric, observe: Callable[[Metric], Iterable[Observation]], _: CallbackOptions
) -> Iterable[Observation]:
    return observe(metric)


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


class OwnInstruments:
    """The own metrics as instruments, for one reader."""

    def __init__(self, reader: MetricReader, resource: Resource) -> None:
        self._state: ServiceState | None = None
        self._provider = MeterProvider(
            [reader], resource=resource, exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        meter = self._provider.get_meter("otel_calico", __version__)
        self._durations = meter.create_histogram(
            step_durations.NAME,
            step_durations.UNIT,
            step_durations.HELP,
            explicit_bucket_boundaries_advisory=step_durations.BUCKETS,
        )
        for metric in OWN_METRICS:
            create = meter.create_observable_counter if metric.counter else meter.create_observable_gauge
            create(metric.full_name, [partial(self._observe, metric)], metric.unit, metric.help)

    def record(self, snapshot: Snapshot) -> None:
        """Count the steps of one scan."""
        for step, seconds in snapshot.report.seconds.items():
            self._durations.record(seconds, {"step": step})

    def show(self, state: ServiceState) -> None:
        """Let the next collection collect this state."""
        self._state = state

    def shutdown(self) -> None:
        """End the reader."""
        self._provider.shutdown()

    def _observe(self, metric: OwnMetric, _: CallbackOptions) -> Iterable[Observation]:
        values = metric.values(self._state) if self._state else ()
        return [Observation(value, labels) for value, labels in values]
