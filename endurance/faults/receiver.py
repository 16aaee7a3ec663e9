"""An OTLP collector on bad days: it takes its time, answers with errors, or is not there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped] # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from endurance.faults.stage import OTLP_METRIC
from tests.node.namespace import Namespace
from tests.otlp.receiver import GrpcReceiver, HttpReceiver, Receiver


class FaultyReceiver(GrpcReceiver):
    """Answers after `delay` seconds, with the error `code` if there is one. `asked` counts requests of all outcomes."""

    delay = 0.0
    code: grpc.StatusCode | None = None
    asked = 0

    def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802 - gRPC's name
        """The service's one method."""
        self.asked += 1
        time.sleep(self.delay)
        if self.code:
            context.abort(self.code, "it is Tuesday")
        return super().Export(request, context)


class RefusingHttp(HttpReceiver):
    """Answers 400 while `refusing`; `asked` counts requests of all outcomes."""

    asked = 0

    def take(self, request: ExportMetricsServiceRequest) -> bool:
        """Keep a request unless refusing."""
        self.asked += 1
        return super().take(request)


@contextmanager
def listening(receiver: FaultyReceiver, namespace: Namespace) -> Iterator[FaultyReceiver]:
    """Listen in a namespace."""
    namespace.inside(lambda: receiver.listen(0))
    try:
        yield receiver
    finally:
        receiver.delay = 0
        receiver.close()


@contextmanager
def listening_http(receiver: RefusingHttp, namespace: Namespace) -> Iterator[RefusingHttp]:
    """Listen in a namespace."""
    namespace.inside(receiver.__enter__)
    try:
        yield receiver
    finally:
        receiver.__exit__()


def newest(receiver: Receiver) -> dict[tuple[tuple[str, str], ...], float]:
    """The newest value of every series of one metric that arrived."""
    return {point.attributes: point.value for point in list(receiver.points(OTLP_METRIC))}
