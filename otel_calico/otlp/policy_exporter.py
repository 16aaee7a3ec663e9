"""Pushes the policy series of a snapshot, request by request.

Each request has observable instruments of its own, on a provider that lives as long as the request: the SDK never
forgets an attribute set, and what it keeps of each series would weigh more than all the rest. The exporter behind
its reader gives the points what the SDK cannot know: since when each series counts, and in deltas what came since
the last point that really arrived.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    Sum,
)
from opentelemetry.sdk.resources import Resource

from otel_calico import __version__, metrics
from otel_calico.otlp.streams import Cumulative, Piece, Streams
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry.export_tally import ExportTally
from otel_calico.telemetry.instruments import LIMITS, create_instruments, policy_provider

POINTS_PER_REQUEST = 250
"""What the SDK makes of a request's points is the most memory the service ever takes at once, and stays its size."""

_LARGEST = (1 << 63) - 1
"""The largest number of a data point (`sfixed64` in OTLP's `metrics.proto`).

Counters of the kernel go twice as far, and one point that cannot be encoded keeps all of its request back.
"""


class PolicyExporter:
    """Exports through `inner` and counts in `tally`."""

    def __init__(self, inner: MetricExporter, resource: Resource, tally: ExportTally, streams: Streams) -> None:
        self._inner = inner
        self._resource = resource
        self._tally = tally
        self._streams = streams

    def export(self, snapshot: Snapshot, timeout: float) -> None:
        """Send everything within `timeout` seconds; the first request that fails ends it.

        What arrived is not sent again. Raises TimeoutError when the time is over between two requests.
        """
        now, deadline = time.time_ns(), time.monotonic() + timeout
        self._streams.follow(snapshot)
        for pieces in _requests(snapshot.readings):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not all series were sent within {timeout:g} s")
            request = _Request(pieces, now, self._streams, self._inner, self._tally)
            self._collect(request, left)
            if not request.arrived:
                return

    def _collect(self, request: _Request, seconds: float) -> None:
        reader = PeriodicExportingMetricReader(
            request, export_interval_millis=math.inf, cardinality_limits=LIMITS
        )  # without a period: collected once
        provider = policy_provider(reader, self._resource)
        create_instruments(provider.get_meter("otel_calico", __version__), request.observe, request.observed)
        try:
            reader.collect(timeout_millis=seconds * 1e3)
        finally:
            provider.shutdown()


class _Request(MetricExporter):
    """One request: what its instruments observe, and the exporter that their reader hands the points to."""

    def __init__(
        self, pieces: Sequence[Piece], now: int, streams: Streams, inner: MetricExporter, tally: ExportTally
    ) -> None:
        super().__init__()
        self.arrived = False
        self._now = now
        self._streams = streams
        self._gauges = Cumulative()
        self._inner = inner
        self._tally = tally
        self._pieces: dict[metrics.Metric, list[Piece]] = {}
        for piece in pieces:
            self._pieces.setdefault(piece.series.metric, []).append(piece)

    @property
    def observed(self) -> Sequence[metrics.Metric]:
        """What there are instruments of."""
        return tuple(self._pieces)

    def observe(self, metric: metrics.Metric) -> Iterator[Observation]:
        """What the callback of a metric's instrument shows."""
        for piece in self._pieces[metric]:
            yield from map(Observation, piece.values, piece.series.labels[piece.part])

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:
        """Pass on what was observed, as streams; count it, and note what arrived."""
        try:
            streams = self._as_streams(metrics_data)
        except ValueError as error:  # the SDK has merged or left out a point: not one of ours is to be trusted
            self._tally.crash(error)
            return MetricExportResult.FAILURE
        self.arrived = self._tally.deliver(self._inner, streams, timeout_millis)
        if not self.arrived:
            return MetricExportResult.FAILURE
        for metric, pieces in self._pieces.items():
            for piece in pieces:
                self._kind(metric).arrived(piece, self._now)
                self._tally.points += len(piece.series.labels[piece.part])
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """The owner of `inner` ends it."""

    def _kind(self, metric: metrics.Metric) -> Streams:
        return self._gauges if metric.gauge else self._streams

    def _as_streams(self, data: MetricsData) -> MetricsData:
        by_name = {metric.name: metric for metric in self._pieces}
        envelope = data.resource_metrics[0]
        scope = envelope.scope_metrics[0]
        converted = [self._convert(by_name[one.name], one) for one in scope.metrics]
        return MetricsData([replace(envelope, scope_metrics=[replace(scope, metrics=converted)])])

    def _convert(self, metric: metrics.Metric, observed: Metric) -> Metric:
        """The observed points with their streams' start times and values. Raises ValueError if one is missing."""
        kind = self._kind(metric)
        numbers = (number for piece in self._pieces[metric] for number in kind.numbers(piece))
        points = [
            # A clock that was set back must not make a stream that starts in its future: collectors refuse it.
            NumberDataPoint(point.attributes or {}, min(start, self._now), self._now, min(value, _LARGEST))
            for point, (start, value) in zip(_number_points(observed), numbers, strict=True)
        ]
        data = Gauge(points) if metric.gauge else Sum(points, kind.temporality, is_monotonic=True)
        return replace(observed, data=data)


def _number_points(metric: Metric) -> list[NumberDataPoint]:
    return [point for point in metric.data.data_points if isinstance(point, NumberDataPoint)]


def _requests(readings: Sequence[Readings]) -> Iterator[list[Piece]]:
    pieces: list[Piece] = []
    room = POINTS_PER_REQUEST
    for one in readings:
        at, end = 0, len(one.series.labels)
        while at < end:
            upto = min(end, at + room)
            pieces.append(Piece(one, slice(at, upto)))
            room -= upto - at
            at = upto
            if not room:
                yield pieces
                pieces, room = [], POINTS_PER_REQUEST
    if pieces:
        yield pieces
