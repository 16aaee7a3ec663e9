"""Pushes to a receiver, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otel_calico.otlp.exporters import push_exporters
from otel_calico.otlp.push import Push
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol, Temporality
from otel_calico.telemetry.resource import build_resource
from otel_calico.telemetry.service_state import ServiceStatus
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
    (exporter,) = push_exporters(settings)
    status = ServiceStatus(node.collector.tally)
    push = Push(exporter, node.collector, status, settings, resource)
    try:
        yield push
    finally:
        push.stop()
