"""Two small OTLP receivers that keep what they are sent: one for gRPC, one for HTTP/protobuf."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc  # type: ignore[import-untyped] # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric


@dataclass(frozen=True)
class Point:
    """One number that arrived."""

    metric: str
    attributes: tuple[tuple[str, str], ...]
    value: float
    start: int
    time: int
    delta: bool


@dataclass
class Receiver:
    """What arrived, and whether the next requests are to be refused."""

    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)
    refusing: bool = False

    def points(self, metric: str) -> list[Point]:
        """All points of a metric, in the order in which they came."""
        return [point for request in self.requests for each in _metrics(request, metric) for point in _points(each)]

    def take(self, request: ExportMetricsServiceRequest) -> bool:
        """Keep a request unless refusing."""
        if not self.refusing:
            self.requests.append(request)
        return not self.refusing


class GrpcReceiver(Receiver, MetricsServiceServicer):
    """OTLP over gRPC on a free port, or on the one given, of the loopback."""

    def __enter__(self) -> Self:
        return self.listen(0)

    def listen(self, port: int) -> Self:
        """Start, or start again after `close`."""
        self._server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        add_MetricsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(0).wait()

    @property
    def url(self) -> str:
        """Where to push to."""
        return f"http://127.0.0.1:{self.port}"

    def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802 - gRPC's name
        """The service's one method."""
        if not self.take(request):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "refused")
        return ExportMetricsServiceResponse()


class HttpReceiver(Receiver):
    """OTLP over HTTP on a free port of the loopback."""

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == "/v1/metrics" and receiver.take(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200 if known else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where to push to."""
        return f"http://127.0.0.1:{self._server.server_port}/v1/metrics"


def _metrics(request: ExportMetricsServiceRequest, name: str) -> Iterator[Metric]:
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            yield from (metric for metric in scope_metrics.metrics if metric.name == name)


def _points(metric: Metric) -> Iterator[Point]:
    data = metric.gauge if metric.HasField("gauge") else metric.sum
    delta = metric.HasField("sum") and (
        metric.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    for point in data.data_points:
        attributes = tuple(sorted((each.key, each.value.string_value) for each in point.attributes))
        value = point.as_int if point.HasField("as_int") else point.as_double
        yield Point(metric.name, attributes, value, point.start_time_unix_nano, point.time_unix_nano, delta)
