"""Where pushes go: the SDK's own exporters, made from settings, and a tally of what they did.

Each protocol is imported only when it is the one in use.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricExporter,
)

from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol, Temporality


@dataclass(frozen=True, slots=True)
class PushExporter:
    """An exporter, the name under which it is counted, where it sends (without credentials), and who logs for it."""

    exporter: MetricExporter
    name: str
    target: str
    logger: str


def push_exporters(settings: ExportSettings) -> list[PushExporter]:
    """The outlets of the push exporters that are on."""
    outlets = []
    if Exporter.OTLP in settings.exporters:
        outlets.append(_grpc(settings) if settings.otlp_protocol is Protocol.GRPC else _http(settings))
    if Exporter.CONSOLE in settings.exporters:
        outlets.append(PushExporter(ConsoleMetricExporter(out=sys.stdout), "console", "stdout", __name__))
    return outlets


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

    exporter = OTLPMetricExporter(endpoint=_metrics_url(settings.otlp_endpoint), timeout=settings.otlp_timeout)
    return PushExporter(exporter, "otlp", _target(settings), "opentelemetry.exporter.otlp.proto.http.metric_exporter")


def _metrics_url(endpoint: str) -> str | None:
    if not endpoint:
        return None
    bare = urlsplit(endpoint).path in {"", "/"}
    return f"{endpoint.removesuffix('/')}/v1/metrics" if bare else endpoint


def _target(settings: ExportSettings) -> str:
    if not settings.otlp_endpoint:
        return "default"
    parts = urlsplit(settings.otlp_endpoint)
    return parts.netloc.rpartition("@")[2] or settings.otlp_endpoint.rpartition("@")[2]
