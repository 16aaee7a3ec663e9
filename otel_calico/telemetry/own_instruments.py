"""The service's own metrics as OpenTelemetry instruments, for pushes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from otel_calico import __version__
from otel_calico.series import Snapshot
from otel_calico.telemetry import step_durations
from otel_calico.telemetry.own_metric import OwnMetric
from otel_calico.telemetry.own_metrics import OwnMetrics


def own_provider(own: OwnMetrics, readers: Iterable[MetricReader], resource: Resource) -> MeterProvider:
    """A provider with all own metrics, for these readers."""
    provider = MeterProvider(
        list(readers), resource=resource, exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
    )
    meter = provider.get_meter("otel_calico", __version__)
    histogram = meter.create_histogram(
        step_durations.NAME,
        step_durations.UNIT,
        step_durations.HELP,
        explicit_bucket_boundaries_advisory=step_durations.BUCKETS,
    )
    own.scans.subscribe(partial(_record, histogram.record))
    for metric in (*own.moving(), *own.steady(own.look)):
        create = meter.create_observable_counter if metric.counter else meter.create_observable_gauge
        create(metric.full_name, [partial(_observe, metric)], metric.unit, metric.help)
    return provider


def _record(record: Callable[[float, dict[str, str]], None], snapshot: Snapshot) -> None:
    for step, seconds in snapshot.report.seconds.items():
        record(seconds, {"step": step})


def _observe(metric: OwnMetric, _: CallbackOptions) -> Iterable[Observation]:
    return [Observation(value, labels) for value, labels in metric.values()]
