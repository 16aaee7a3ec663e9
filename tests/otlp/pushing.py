"""Pushes to a receiver, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.metrics import MeterProvider

from otel_calico.otlp.exporters import push_exporters
from otel_calico.otlp.push import Push
from otel_calico.scanning.scans import Scans
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol, Temporality
from otel_calico.telemetry.resource import build_resource
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
    settings = ExportSettings(
        node_name="node-1",
        exporters=frozenset({Exporter.OTLP}),
        otlp_protocol=protocol,
        otlp_endpoint=url,
        otlp_timeout=timeout,
        temporality=temporality,
    )
    resource = build_resource(settings)
    (outlet,) = push_exporters(settings)
    push = Push(outlet, Scans(node.take), settings, resource)
    own = MeterProvider([push.own_reader], resource=resource, shutdown_on_exit=False)
    try:
        yield push
    finally:
        push.stop()
        own.shutdown()
