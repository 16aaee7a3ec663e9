"""The metrics of the service and its process at `/metrics`, collected and written by `prometheus_client`.

Names follow OpenTelemetry's mapping to Prometheus: `otel_calico.scan.duration` in `s` becomes
`otel_calico_scan_duration_seconds`, a counter ends in `_total`. A test holds the page equal to OpenTelemetry's reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Histogram, Metric, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from otel_calico.prometheus.text_format import TextFormat
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry import step_durations
from otel_calico.telemetry.own_metric import OwnMetric
from otel_calico.telemetry.own_metrics import OWN_METRICS
from otel_calico.telemetry.service_state import ServiceState

_UNITS = {"": "", "s": "seconds", "By": "bytes"}
_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9]+")

disable_created_metrics()  # type: ignore[no-untyped-call] # OpenTelemetry's mapping has no `_created` samples


class ServiceExposition:
    """Renders the own metrics of one page after the other. Used by one thread at a time."""

    def __init__(self, resource: Resource) -> None:
        self._registry = CollectorRegistry()
        self._registry.set_target_info({_label_name(key): str(value) for key, value in resource.attributes.items()})
        self._own = _OwnCollector()
        self._registry.register(self._own)
        self._durations = Histogram(
            "otel_calico_scan_duration",
            step_durations.HELP,
            ["step"],
            unit=_UNITS[step_durations.UNIT],
            buckets=step_durations.BUCKETS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def record(self, snapshot: Snapshot) -> None:
        """Count the steps of one scan."""
        for step, seconds in snapshot.report.seconds.items():
            self._durations.labels(step).observe(seconds)

    def render(self, state: ServiceState, form: TextFormat) -> bytes:
        """HELP, TYPE, UNIT and samples, without `# EOF`."""
        self._own.state = state
        return registry_text(self._registry, form)


class _OwnCollector(Collector):
    """The own metrics in one state of the service."""

    state: ServiceState | None = None

    def collect(self) -> Iterable[Metric]:
        """A family of each metric that has values."""
        if self.state is None:
            return
        for metric in OWN_METRICS:
            family = _family(metric, self.state)
            if family.samples:
                yield family


def registry_text(registry: CollectorRegistry, form: TextFormat) -> bytes:
    """All families of a registry, without `# EOF`."""
    if form is TextFormat.PROMETHEUS:
        return generate_latest(registry)
    text: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    return text.removesuffix(b"# EOF\n")


def _family(metric: OwnMetric, state: ServiceState) -> Metric:
    kind, suffix = ("counter", "_total") if metric.counter else ("gauge", "")
    family = Metric(metric.full_name.replace(".", "_"), metric.help, kind, _UNITS[metric.unit])
    for value, labels in metric.values(state):
        family.add_sample(f"{family.name}{suffix}", {_label_name(name): text for name, text in labels.items()}, value)
    return family


def _label_name(key: str) -> str:
    """One bad name would cost the whole page: Prometheus takes it as a whole or not at all."""
    return _NOT_IN_NAMES.sub("_", f"_{key[1:]}" if key[:1].isdigit() else key)
