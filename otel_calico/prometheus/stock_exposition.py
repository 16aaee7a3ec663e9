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
from prometheus_client.utils import floatToGoString

from otel_calico import __version__
from otel_calico.metrics import Metric
from otel_calico.prometheus.text_format import TextFormat, family_header, label_text
from otel_calico.scanning.scans import Take
from otel_calico.series import Readings
from otel_calico.telemetry.instruments import INSTRUMENTS, LIMITS, create_instruments, policy_provider

BUDGET = 10_000
"""Attribute sets an SDK reader may see before it is replaced, where twice the live series are fewer."""


class StockExposition:
    """Takes the place of `Exposition`.

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


class RenewedReader:
    """A reader of the policy instruments, made by `make_reader` and made anew when it has seen more than `budget`.

    What it kept of dead series goes with it. Values do not suffer: they come from the snapshot.
    """

    def __init__(
        self, take: Take, make_reader: Callable[[CardinalityLimits], MetricReader], resource: Resource, budget: int
    ) -> None:
        self._take = take
        self._make_reader = make_reader
        self._resource = resource
        self._budget = budget
        self.renewals = 0
        self._open()

    @property
    def seen(self) -> int:
        """Attribute sets the present reader has seen."""
        return self._instruments.seen

    def renew_if_grown(self) -> None:
        """To be called between collections."""
        if self.seen > max(self._budget, 2 * self._instruments.live):
            self._provider.shutdown()
            self._open()
            self.renewals += 1

    def _open(self) -> None:
        self._provider = policy_provider(self._make_reader(LIMITS), self._resource)
        self._instruments = SnapshotInstruments(self._provider, self._take)


class SnapshotInstruments:
    """The instruments of whole snapshots, with the values of `/metrics`; one for one reader.

    The SDK calls the callbacks of a collection one after the other, in the order in which the instruments were made:
    the first takes the snapshot, the others show the same.
    """

    def __init__(self, provider: MeterProvider, take: Take) -> None:
        self._take = take
        self._by_metric: dict[Metric, list[Readings]] = {}
        self._shown: Sequence[Readings] = ()
        self.seen = 0  # attribute sets given to the meter since it was made; those that came back count again
        create_instruments(provider.get_meter("otel_calico", __version__), self._observe)

    @property
    def live(self) -> int:
        """Attribute sets that the last collection was given."""
        return sum(len(readings.series.labels) for readings in self._shown)

    def _observe(self, metric: Metric) -> Iterator[Observation]:
        if metric is INSTRUMENTS[0]:
            self._refresh()
        for readings in self._by_metric.get(metric, ()):
            yield from map(Observation, readings.values, readings.series.labels)

    def _refresh(self) -> None:
        known = {one.series for one in self._shown}
        self._shown = self._take().readings
        self.seen += sum(len(one.series.labels) for one in self._shown if one.series not in known)
        self._by_metric = {}
        for one in self._shown:
            self._by_metric.setdefault(one.series.metric, []).append(one)


_LineKey = tuple[str, ...]


class RegistryText:
    """Writes a registry in either text format, as prometheus_client does but in a fraction of the time.

    Most lines are the same on every page but for their values, so what stands before a value is kept from page to
    page. For families without exemplars, time stamps and `_created` samples: OpenTelemetry's reader makes none.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._beginnings: dict[_LineKey, str] = {}

    def render(self, form: TextFormat) -> bytes:
        """HELP, TYPE, UNIT and samples of all families, without `# EOF`."""
        known, self._beginnings = self._beginnings, {}
        lines: list[str] = []
        for family in self._registry.collect():
            lines.append(family_header(family.name, family.type, family.documentation, family.unit, form))
            for sample in family.samples:
                key = (sample.name, *sample.labels, *sample.labels.values())
                beginning = self._beginnings[key] = known.get(key) or sample.name + label_text(sample.labels)
                lines.append(f"{beginning} {floatToGoString(sample.value)}\n")  # type: ignore[no-untyped-call]
        return "".join(lines).encode()
