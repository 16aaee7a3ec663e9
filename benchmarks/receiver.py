"""An OTLP receiver in a process of its own that forgets what it is sent and counts it.

`python -m benchmarks.receiver PROTOCOL` prints where it listens, then a line per request: its data points, and
how many of them the SDK folded into an overflow point.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_calico.telemetry.export_settings import Protocol
from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program
from tests.otlp.receiver import GrpcReceiver, HttpReceiver, Receiver

_OVERFLOW = "otel.metric.overflow"


class NullReceiver(Program):
    """Listens on 127.0.0.1, of a namespace if one is given."""

    def __init__(self, protocol: Protocol, namespace: Namespace | None = None) -> None:
        super().__init__("otlp-receiver")
        self.protocol = protocol
        self._namespace = namespace

    def start(self) -> Self:
        """Start and wait until it listens."""
        command = [sys.executable, "-m", __name__, self.protocol.value]
        root = Path(__file__).parents[1]
        self.launch(command_in(self._namespace, command), {"PYTHONPATH": str(root)})
        self.wait(lambda: "\n" in self.log, "listening")
        return self

    @property
    def url(self) -> str:
        """Where to push to."""
        return self.log.partition("\n")[0]

    @property
    def points(self) -> int:
        """Data points received so far."""
        return sum(count[0] for count in self._counts())

    @property
    def overflow_points(self) -> int:
        """Those that stand for series beyond a cardinality limit."""
        return sum(count[1] for count in self._counts())

    def _counts(self) -> list[tuple[int, int]]:
        lines = self.log.rpartition("\n")[0].splitlines()[1:]
        return [(int(points), int(overflow)) for points, _, overflow in (line.partition(" ") for line in lines)]


class _Counting(Receiver):
    def take(self, request: ExportMetricsServiceRequest) -> bool:
        """Count a request and forget it."""
        text = request.SerializeToString()
        points = sum(
            len(metric.sum.data_points) + len(metric.gauge.data_points) + len(metric.histogram.data_points)
            for resource_metrics in request.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
        )
        print(points, text.count(_OVERFLOW.encode()), flush=True)
        return True


class _CountingGrpc(_Counting, GrpcReceiver):
    pass


class _CountingHttp(_Counting, HttpReceiver):
    pass


def _main(protocol: Protocol) -> None:
    with _CountingGrpc() if protocol is Protocol.GRPC else _CountingHttp() as receiver:
        print(receiver.url, flush=True)
        signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _main(Protocol(sys.argv[1]))
