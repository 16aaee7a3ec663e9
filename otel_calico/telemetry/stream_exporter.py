"""The metric exporter around an SDK exporter that makes the policy series honest OTLP streams.

The SDK aggregates cumulative, and knows neither since when a series counts nor whether an export arrived. Here each
point gets its start time, deltas are formed from what really arrived, and large pages go in several requests: a
collector's gRPC receiver refuses messages of more than 4 MiB unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataPointT,
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    Sum,
)

from otel_calico.series import Readings
from otel_calico.telemetry.streams import Stream, Streams

POINTS_PER_REQUEST = 2_000


@dataclass(slots=True)
class ExportTally:
    """What one exporter did so far: requests by result, and the values of policy series that arrived."""

    successes: int = 0
    failures: int = 0
    points: int = 0
    last_crash: str = ""  # what an exporter raised instead of saying that it failed

    def deliver(self, exporter: MetricExporter, data: MetricsData, timeout_millis: float) -> bool:
        """Export, count, and tell whether it arrived. The SDK would log what an exporter raises at every attempt."""
        try:
            arrived = exporter.export(data, timeout_millis=timeout_millis) is MetricExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - encoders and transports may raise anything
            arrived, self.last_crash = False, repr(error)
        if arrived:
            self.successes += 1
        else:
            self.failures += 1
        return arrived


@dataclass(slots=True)
class _Batch:
    """Metrics of one request, and of their counters the stream, value and time of each point."""

    metrics: list[Metric] = field(default_factory=list)
    counted: list[tuple[Stream, int, int]] = field(default_factory=list)
    points: int = 0


class StreamExporter(MetricExporter):
    """Exports policy series through `inner`. `live` gives the readings that the collection just showed.

    Outlives the readers that use it one after the other: `shutdown`, which each of them calls, does nothing.
    """

    def __init__(
        self, inner: MetricExporter, live: Callable[[], Sequence[Readings]], tally: ExportTally, *, delta: bool
    ) -> None:
        super().__init__()
        self._inner = inner
        self._live = live
        self._tally = tally
        self._delta = delta
        self.streams = Streams()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:
        """Send everything, request by request; the first that fails ends it. What arrived is not sent again."""
        self.streams.follow(self._live())
        for resource_metrics in metrics_data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for batch in self._batches(scope_metrics.metrics):
                    envelope = replace(resource_metrics, scope_metrics=[replace(scope_metrics, metrics=batch.metrics)])
                    if not self._send(MetricsData([envelope]), batch, timeout_millis):
                        return MetricExportResult.FAILURE
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Called when a reader is replaced; the owner of `inner` ends it."""

    def _send(self, data: MetricsData, batch: _Batch, timeout_millis: float) -> bool:
        if not self._tally.deliver(self._inner, data, timeout_millis):
            return False
        self._tally.points += batch.points
        for stream, value, time in batch.counted:
            stream.sent, stream.sent_at = value, time
        return True

    def _batches(self, metrics: Sequence[Metric]) -> Iterator[_Batch]:
        batch = _Batch()
        for metric in metrics:
            points = metric.data.data_points
            at = 0
            while at < len(points):
                piece = points[at : at + POINTS_PER_REQUEST - batch.points]
                batch.metrics.append(self._convert(metric, piece, batch))
                batch.points += len(piece)
                at += len(piece)
                if batch.points >= POINTS_PER_REQUEST:
                    yield batch
                    batch = _Batch()
        if batch.points:
            yield batch

    def _convert(self, metric: Metric, points: Sequence[DataPointT], batch: _Batch) -> Metric:
        numbers = [point for point in points if isinstance(point, NumberDataPoint)]
        if not isinstance(metric.data, Sum):
            return replace(metric, data=Gauge(numbers))
        temporality = AggregationTemporality.DELTA if self._delta else AggregationTemporality.CUMULATIVE
        convert = self._delta_point if self._delta else self._cumulative_point
        converted = [convert(metric.name, point, batch) for point in numbers]
        return replace(metric, data=Sum(converted, temporality, metric.data.is_monotonic))

    def _cumulative_point(self, name: str, point: NumberDataPoint, _: _Batch) -> NumberDataPoint:
        stream = self.streams.find(name, point.attributes or {})
        if stream is None:
            return point
        return NumberDataPoint(point.attributes, stream.since, point.time_unix_nano, point.value)

    def _delta_point(self, name: str, point: NumberDataPoint, batch: _Batch) -> NumberDataPoint:
        stream = self.streams.find(name, point.attributes or {})
        if stream is None:
            return point
        value = int(point.value)
        batch.counted.append((stream, max(value, stream.sent), point.time_unix_nano))
        return NumberDataPoint(point.attributes, stream.sent_at, point.time_unix_nano, max(0, value - stream.sent))
