"""The policy series as OpenTelemetry's own Prometheus exporter shows them (`prometheus.naming: opentelemetry`).

Loaded only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from otel_calico import __version__
from otel_calico.metrics import Metric
from otel_calico.prometheus.service_exposition import registry_text
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.series import Readings
from otel_calico.telemetry.instruments import LIMITS, create_instruments, policy_provider

BUDGET = 10_000
"""Attribute sets an SDK reader may see before it is replaced, where twice the live series are fewer."""


class OpenTelemetryExposition:
    """Takes the place of `Exposition`."""

    def __init__(self, resource: Resource, budget: int = BUDGET) -> None:
        self._registry = CollectorRegistry()
        self.reader = RenewedReader(self._make_reader, resource, budget)

    def render(self, readings: Sequence[Readings], form: TextFormat) -> Sequence[bytes]:
        """HELP, TYPE and samples as prometheus_client writes them."""
        self.reader.show(readings)
        text = registry_text(self._registry, form)
        self.reader.renew_if_grown()
        return [text]

    def _make_reader(self, limits: CardinalityLimits) -> PrometheusMetricReader:
        return PrometheusMetricReader(
            disable_target_info=True,  # the service's own part of the page shows it
            scope_info_enabled=False,
            registry=self._registry,
            cardinality_limits=limits,
        )


class RenewedReader:
    """A reader of the policy instruments, made by `make_reader` and made anew when it has seen more than `budget`.

    What it kept of dead series goes with it. Values do not suffer: they come from the snapshot.
    """

    def __init__(
        self, make_reader: Callable[[CardinalityLimits], MetricReader], resource: Resource, budget: int
    ) -> None:
        self._make_reader = make_reader
        self._resource = resource
        self._budget = budget
        self.renewals = 0
        self._open()

    @property
    def seen(self) -> int:
        """Attribute sets the present reader has seen."""
        return self._instruments.seen

    def show(self, readings: Sequence[Readings]) -> None:
        """Let the next collection collect these."""
        self._instruments.show(readings)

    def renew_if_grown(self) -> None:
        """To be called between collections."""
        if self.seen > max(self._budget, 2 * self._instruments.live):
            self._provider.shutdown()
            self._open()
            self.renewals += 1

    def _open(self) -> None:
        self._provider = policy_provider(self._make_reader(LIMITS), self._resource)
        self._instruments = ReadingsInstruments(self._provider)


class ReadingsInstruments:
    """The instruments of all policy metrics, with the values of `/metrics`; one for one reader."""

    def __init__(self, provider: MeterProvider) -> None:
        self._by_metric: dict[Metric, list[Readings]] = {}
        self._shown: Sequence[Readings] = ()
        self.seen = 0  # attribute sets given to the meter since it was made; those that came back count again
        create_instruments(provider.get_meter("otel_calico", __version__), self._observe)

    @property
    def live(self) -> int:
        """Attribute sets that the last collection was given."""
        return sum(len(readings.series.labels) for readings in self._shown)

    def show(self, readings: Sequence[Readings]) -> None:
        """Observe these from now on."""
        known = {one.series for one in self._shown}
        self._shown = readings
        self.seen += sum(len(one.series.labels) for one in readings if one.series not in known)
        self._by_metric = {}
        for one in readings:
            self._by_metric.setdefault(one.series.metric, []).append(one)

    def _observe(self, metric: Metric) -> Iterator[Observation]:
        for readings in self._by_metric.get(metric, ()):
            yield from map(Observation, readings.values, readings.series.labels)
