"""Settings of the exporters and of the log.

OpenTelemetry's variables mean what its specification says; in addition a bad value stops the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from otel_calico.config import kinds, url_kinds
from otel_calico.config.kinds import Kind
from otel_calico.config.option import Variable, setting


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """The HTTP server and its `/metrics`. `address` `::` stands for all addresses, IPv4 and IPv6."""

    port: int = setting(
        kinds.port,
        9009,
        "Port of /metrics, /healthz, /readyz and the page for people; 0 takes a free one.",
        flag="--port",
        env=("METRICS_SERVER_PORT", "OTEL_EXPORTER_PROMETHEUS_PORT"),
    )
    address: str = setting(
        kinds.address,
        "::",
        "Address to listen on; :: is all of the node, IPv4 and IPv6.",
        flag="--address",
        env=("OTEL_EXPORTER_PROMETHEUS_HOST",),
    )
    naming: Literal["calico-accountant", "opentelemetry"] = setting(
        kinds.choice("calico-accountant", "opentelemetry"),
        "calico-accountant",
        "Names of the policy series at /metrics: those of calico-accountant, or OpenTelemetry's mapping (`…_total`).",
    )


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What OpenTelemetry's SDK is to do. Loading fills `exporters` and `service_name`."""

    disabled: bool = setting(
        kinds.only_true_or_false,
        default=False,
        doc="Switch the OpenTelemetry SDK off.",
        env=("OTEL_SDK_DISABLED",),
    )
    exporters: tuple[Literal["prometheus", "otlp", "console", "none"], ...] = setting(
        kinds.choices("prometheus", "otlp", "console", "none"),
        (),
        "Where metrics go: the /metrics page, an OTLP collector, standard output, or nowhere.",
        automatic="`prometheus`, and `otlp` too if `otlp.endpoint` is set",
        flag="--exporters",
        env=("OTEL_METRICS_EXPORTER",),
    )
    service_name: str = setting(
        kinds.text,
        "",
        "Resource attribute service.name.",
        automatic="service.name in `telemetry.resource_attributes`, else `otel-calico`",
        env=("OTEL_SERVICE_NAME",),
    )
    resource_attributes: tuple[tuple[str, str], ...] = setting(
        kinds.attributes,
        (),
        "More resource attributes, such as deployment.environment.name=prod; in YAML also as a mapping.",
        env=("OTEL_RESOURCE_ATTRIBUTES",),
    )


@dataclass(frozen=True, slots=True)
class OtlpEndpoint:
    """An OTLP endpoint as given: `exact` is False for one that serves all signals and lacks the metrics path."""

    url: str
    exact: bool = False


def _endpoint(*, exact: bool) -> Kind[OtlpEndpoint | None]:
    return Kind(
        lambda given: OtlpEndpoint(url_kinds.url_or_host_port.parse(given), exact=exact),
        url_kinds.url_or_host_port.allowed,
        lambda endpoint: endpoint.url if endpoint else "",
    )


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Push to a collector. Loading fills `protocol`; times are in seconds."""

    endpoint: OtlpEndpoint | None = setting(  # noqa: RUF009 - `setting` makes a dataclass field
        _endpoint(exact=False),
        None,
        "The collector. With http/protobuf `/v1/metrics` is appended, except to OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.",
        automatic="`http://localhost:4318`, or `http://localhost:4317` for grpc",
        flag="--otlp-endpoint",
        env=(Variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", _endpoint(exact=True)), "OTEL_EXPORTER_OTLP_ENDPOINT"),
    )
    protocol: Literal["", "grpc", "http/protobuf"] = setting(
        kinds.choice("grpc", "http/protobuf"),
        "",
        "How to talk to the collector.",
        automatic="`grpc` if the endpoint's port is 4317, else `http/protobuf`",
        flag="--otlp-protocol",
        env=("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    )
    temporality: Literal["cumulative", "delta", "lowmemory"] = setting(
        kinds.choice("cumulative", "delta", "lowmemory"),
        "cumulative",
        "Whether a value counts from the start of its series or from the last export.",
        env=("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
    )
    interval: float = setting(
        kinds.duration(),
        60.0,
        "Time between two exports; the OpenTelemetry variable is in milliseconds.",
        env=(Variable("OTEL_METRIC_EXPORT_INTERVAL", kinds.milliseconds),),
    )
    timeout: float = setting(
        kinds.duration(),
        30.0,
        "How long one export may take; the OpenTelemetry variable is in milliseconds.",
        env=(Variable("OTEL_METRIC_EXPORT_TIMEOUT", kinds.milliseconds),),
    )
    request_timeout: float = setting(
        kinds.duration(),
        10.0,
        "How long one request of it may take with its repetitions; the OpenTelemetry variables are in milliseconds.",
        env=(
            Variable("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", kinds.milliseconds),
            Variable("OTEL_EXPORTER_OTLP_TIMEOUT", kinds.milliseconds),
        ),
    )

    @property
    def metrics_url(self) -> str:
        """What to hand to the exporter of `protocol`: the whole URL for HTTP, the target for gRPC."""
        if self.protocol == "grpc":
            return self.endpoint.url if self.endpoint else "http://localhost:4317"
        endpoint = self.endpoint or OtlpEndpoint("http://localhost:4318")
        return endpoint.url if endpoint.exact else endpoint.url.rstrip("/") + "/v1/metrics"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        kinds.choice("debug", "info", "warning", "error"), "info", "Least severe events to log.", flag="--log-level"
    )
    format: Literal["auto", "console", "json"] = setting(
        kinds.choice("auto", "console", "json"),
        "auto",
        "Lines for people or JSON; auto is console on a terminal, else JSON.",
        flag="--log-format",
    )
