"""Pushes to a receiver, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.metrics import MeterProvider

from otel_calico.scans import Scans
from otel_calico.telemetry.outlets import open_outlets
from otel_calico.telemetry.push import Push
from otel_calico.telemetry.resource import build_resource
from otel_calico.telemetry.settings import Exporter, Protocol, TelemetrySettings, Temporality
from tests.telemetry.snapshots import Node


@contextmanager
def pushing(
    node: Node,
    url: str,
    *,
    protocol: Protocol = Protocol.GRPC,
    temporality: Temporality = Temporality.CUMULATIVE,
    timeout: float = 1.0,
) -> Iterator[Push]:
    """A push that only happens when `push` is called."""
    settings = TelemetrySettings(
        node_name="node-1",
        exporters=frozenset({Exporter.OTLP}),
        otlp_protocol=protocol,
        otlp_endpoint=url,
        otlp_timeout=timeout,
        temporality=temporality,
    )
    resource = build_resource(settings)
    (outlet,) = open_outlets(settings)
    push = Push(outlet, Scans(node.take), settings, resource)
    own = MeterProvider([push.own_reader], resource=resource, shutdown_on_exit=False)
    try:
        yield push
    finally:
        push.stop()
        own.shutdown()
