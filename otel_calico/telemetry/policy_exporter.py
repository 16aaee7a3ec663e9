"""Sends the policy series of a snapshot through an SDK exporter, request by request.

The SDK's instruments and aggregation stand for measurements of this process. Ours are made elsewhere: the kernel
counts, and the snapshot knows value and start time of every series. So the data points are made of it directly, in
the SDK's data model (what the specification calls a metric producer, which the Python SDK does not have). Going
through observable instruments takes twice the time, keeps an object per series that is never forgotten (SDK 1.45
folds those beyond a limit into one overflow point), and makes deltas that are negative after a counter reset.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_calico import __version__, metrics
from otel_calico.series import Readings, Snapshot
from otel_calico.telemetry.streams import Cumulative, Piece, Streams
from otel_calico.telemetry.tally import ExportTally

POINTS_PER_REQUEST = 2_000
"""A collector's gRPC receiver refuses messages of more than 4 MiB unless told otherwise."""

_SCOPE = InstrumentationScope("otel_calico", __version__)


class PolicyExporter:
    """Exports through `inner` and counts in `tally`."""

    def __init__(self, inner: MetricExporter, resource: Resource, tally: ExportTally, streams: Streams) -> None:
        self._inner = inner
        self._resource = resource
        self._tally = tally
        self._streams = streams
        self._gauges = Cumulative()

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
            metrics_data, count = self._data(pieces, now)
            if not self._tally.deliver(self._inner, metrics_data, left * 1e3):
                return
            self._tally.points += count
            for piece in pieces:
                self._kind(piece.series.metric).arrived(piece, now)

    def _kind(self, metric: metrics.Metric) -> Streams:
        return self._gauges if metric.gauge else self._streams

    def _data(self, pieces: Sequence[Piece], now: int) -> tuple[MetricsData, int]:
        """One request, and how many data points it has."""
        points: dict[metrics.Metric, list[NumberDataPoint]] = {}
        for piece in pieces:
            points.setdefault(piece.series.metric, []).extend(self._kind(piece.series.metric).points(piece, now))
        scope = ScopeMetrics(_SCOPE, [self._metric(*each) for each in points.items()], schema_url="")
        return MetricsData([ResourceMetrics(self._resource, [scope], self._resource.schema_url)]), sum(
            map(len, points.values())
        )

    def _metric(self, metric: metrics.Metric, points: list[NumberDataPoint]) -> Metric:
        data = Gauge(points) if metric.gauge else Sum(points, self._streams.temporality, is_monotonic=True)
        return Metric(metric.name, metric.help, metric.unit, data)


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
