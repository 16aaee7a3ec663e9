"""The metrics of the service and its process at `/metrics`, collected and written by `prometheus_client`.

Names follow OpenTelemetry's mapping to Prometheus: `otel_calico.scan.duration` in `s` becomes
`otel_calico_scan_duration_seconds`, a counter ends in `_total`. A test holds the page equal to OpenTelemetry's reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Histogram, Metric, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from otel_calico.prometheus.text_format import TextFormat
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry import step_durations
from otel_calico.telemetry.own_metric import OwnMetric, Value
from otel_calico.telemetry.own_metrics import OWN_METRICS
from otel_calico.telemetry.service_state import ServiceState

_UNITS = {"": "", "s": "seconds", "By": "bytes"}
_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9]+")

disable_created_metrics()  # type: ignore[no-untyped-call] # OpenTelemetry's mapping has no `_created` samples


class ServiceExposition:
    """Renders the own metrics of one page after the other. Used by one thread at a time."""

    def __init__(self, resource: Resource) -> None:
        target = CollectorRegistry()
        target.set_target_info({_label_name(key): str(value) for key, value in resource.attributes.items()})
        self._target = {form: registry_text(target, form) for form in TextFormat}
        self._registry = CollectorRegistry()
        self._kept = {form: _KeptText(form) for form in TextFormat}
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
        own = self._kept[form].families(state)
        return b"".join([self._target[form], *own, registry_text(self._registry, form)])


class _KeptText:
    """The own metrics as text. Few of them change from scrape to scrape: to write all takes a tenth of a scrape."""

    def __init__(self, form: TextFormat) -> None:
        self._form = form
        self._texts: dict[str, tuple[Sequence[Value], bytes]] = {}

    def families(self, state: ServiceState) -> Iterator[bytes]:
        """The text of each family; an empty one where it has no values."""
        for metric in OWN_METRICS:
            values = metric.values(state)
            kept = self._texts.get(metric.name)
            if kept is None or kept[0] != values:
                kept = values, registry_text(_Family(metric, values), self._form) if values else b""
                self._texts[metric.name] = kept
            yield kept[1]


class _Family(Collector):
    """One metric with its values."""

    def __init__(self, metric: OwnMetric, values: Iterable[Value]) -> None:
        kind, suffix = ("counter", "_total") if metric.counter else ("gauge", "")
        self._family = Metric(metric.full_name.replace(".", "_"), metric.help, kind, _UNITS[metric.unit])
        for value, labels in values:
            own = {_label_name(name): text for name, text in labels.items()}
            self._family.add_sample(f"{self._family.name}{suffix}", own, value)

    def collect(self) -> Iterable[Metric]:
        """The family alone."""
        return [self._family]


def registry_text(registry: Collector, form: TextFormat) -> bytes:
    """All families of a registry, without `# EOF`.

    Names are those that every Prometheus takes, so nothing in them is to be escaped. The writer's default looks at each
    letter of each name, which takes a fifth of a small node's scrape.
    """
    if form is TextFormat.PROMETHEUS:
        return generate_latest(registry, ALLOWUTF8)
    text: bytes = generate_openmetrics(registry, ALLOWUTF8)  # type: ignore[no-untyped-call]
    return text.removesuffix(b"# EOF\n")


def _label_name(key: str) -> str:
    """One bad name would cost the whole page: Prometheus takes it as a whole or not at all."""
    return _NOT_IN_NAMES.sub("_", f"_{key[1:]}" if key[:1].isdigit() else key)
