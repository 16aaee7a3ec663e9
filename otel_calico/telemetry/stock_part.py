"""The policy series as OpenTelemetry's own Prometheus exporter shows them; loaded only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import CardinalityLimits
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from otel_calico.scans import Take
from otel_calico.series import Readings
from otel_calico.telemetry.registry_text import RegistryText
from otel_calico.telemetry.renewal import BUDGET, RenewedReader
from otel_calico.telemetry.text_format import TextFormat


class StockPart:
    """The policy series through the stock Prometheus reader and with its names (`prometheus.naming: opentelemetry`).

    It collects what `take` gives, which within `Scans.holding` is the snapshot whose readings `render` is handed.
    """

    def __init__(self, take: Take, resource: Resource, budget: int = BUDGET) -> None:
        self._registry = CollectorRegistry()
        self._text = RegistryText(self._registry)
        self.reader = RenewedReader(take, self._make_reader, resource, budget)

    def render(self, _: Sequence[Readings], form: TextFormat) -> Sequence[bytes]:
        """HELP, TYPE and samples as prometheus_client writes them."""
        text = self._text.render(form)
        self.reader.renew_if_grown()
        return [text]

    def _make_reader(self, limits: CardinalityLimits) -> PrometheusMetricReader:
        return PrometheusMetricReader(
            disable_target_info=True,  # the service's own part of the page shows it
            scope_info_enabled=False,
            registry=self._registry,
            cardinality_limits=limits,
        )
