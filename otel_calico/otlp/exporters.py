"""The exporters of the SDK that metrics are pushed through, made from settings.

Each protocol is imported only when it is the one in use.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricExporter,
)

from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol, Temporality
from otel_calico.telemetry.export_tally import ExportTally


@dataclass(frozen=True, slots=True)
class PushExporter:
    """An exporter of the SDK, its name and what it did, where it sends (without credentials), and its logger's name."""

    sdk: MetricExporter
    name: str
    target: str
    logger: str
    tally: ExportTally = field(default_factory=ExportTally)


def push_exporters(settings: ExportSettings) -> list[PushExporter]:
    """The push exporters that are on."""
    found = []
    if Exporter.OTLP in settings.exporters:
        found.append(_grpc(settings) if settings.otlp_protocol is Protocol.GRPC else _http(settings))
    if Exporter.CONSOLE in settings.exporters:
        found.append(PushExporter(ConsoleMetricExporter(out=sys.stdout), "console", "stdout", __name__))
    return found


def own_temporality(preference: Temporality) -> dict[type, AggregationTemporality]:
    """Temporality of the service's own instruments, as the OTLP exporter specification maps the preference."""
    if preference is Temporality.CUMULATIVE:
        return {}
    counters: list[type] = [Counter, Histogram]
    if preference is Temporality.DELTA:
        counters.append(ObservableCounter)
    return dict.fromkeys(counters, AggregationTemporality.DELTA)


def _grpc(settings: ExportSettings) -> PushExporter:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415 - 15 MB if unused
        OTLPMetricExporter,
    )

    exporter = OTLPMetricExporter(endpoint=settings.otlp_endpoint or None, timeout=settings.otlp_timeout)
    return PushExporter(exporter, "otlp", _target(settings), "opentelemetry.exporter.otlp.proto.grpc.exporter")


def _http(settings: ExportSettings) -> PushExporter:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - spares gRPC set-ups it
        OTLPMetricExporter,
    )

    exporter = OTLPMetricExporter(endpoint=settings.otlp_endpoint or None, timeout=settings.otlp_timeout)
    return PushExporter(exporter, "otlp", _target(settings), "opentelemetry.exporter.otlp.proto.http.metric_exporter")


def _target(settings: ExportSettings) -> str:
    if not settings.otlp_endpoint:
        return "default"
    parts = urlsplit(settings.otlp_endpoint)
    return parts.netloc.rpartition("@")[2] or settings.otlp_endpoint.rpartition("@")[2]
