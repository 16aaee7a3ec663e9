"""Settings of the exporters, as `service.wiring` fills them from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Exporter(Enum):
    """Ways out for metrics, named as in `OTEL_METRICS_EXPORTER`."""

    PROMETHEUS = "prometheus"
    OTLP = "otlp"
    CONSOLE = "console"


class Protocol(Enum):
    """Values of `OTEL_EXPORTER_OTLP_PROTOCOL` that the Python SDK can speak."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"


class Temporality(Enum):
    """Values of `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`."""

    CUMULATIVE = "cumulative"
    DELTA = "delta"
    LOW_MEMORY = "lowmemory"


class Naming(Enum):
    """Who names the policy series at `/metrics`: this project's catalogue, or the stock OpenTelemetry exporter."""

    CALICO = "calico"
    OPENTELEMETRY = "opentelemetry"


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What is exported, and where to.

    `exporters` empty stands for `OTEL_METRICS_EXPORTER=none` and for `OTEL_SDK_DISABLED`: health is served, metrics
    are not. `otlp_endpoint` is the whole URL, with its path for `http/protobuf`. Empty, and for what
    has no field here (headers, certificates, compression), the SDK's own `OTEL_EXPORTER_OTLP_*` hold.
    Intervals and time limits are seconds: `otlp_timeout` for one request (the SDK itself would take the milliseconds
    of `OTEL_EXPORTER_OTLP_TIMEOUT` for seconds), `push_timeout` for one push of all series, `request_seconds` for one
    HTTP request with the scan that it may wait for. `listen_port` 0 takes a free port.
    """

    node_name: str
    exporters: frozenset[Exporter] = frozenset({Exporter.PROMETHEUS})
    service_name: str = "otel-calico"
    resource_attributes: Mapping[str, str] = field(default_factory=dict)
    otlp_protocol: Protocol = Protocol.GRPC
    otlp_endpoint: str = ""
    otlp_timeout: float = 10.0
    temporality: Temporality = Temporality.CUMULATIVE
    push_interval: float = 60.0
    push_timeout: float = 30.0
    naming: Naming = Naming.CALICO
    listen_address: str = "::"
    listen_port: int = 9009
    request_seconds: float = 10.0
