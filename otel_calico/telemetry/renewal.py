"""A provider and reader for the policy series, replaced by fresh ones before they remember too many dead series.

Only the page with the stock names needs them (`prometheus.naming: opentelemetry`).

The SDK (1.45) never forgets an attribute set that an observable instrument once showed, and folds those beyond a
cardinality limit into one overflow point. So the limit stands well above a budget, and what passes the budget is
replaced. Values do not suffer: they come from the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    ExemplarReservoir,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
)
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from otel_calico import __version__
from otel_calico.telemetry.instruments import PolicyInstruments
from otel_calico.telemetry.scans import Take

BUDGET = 10_000
"""Attribute sets an SDK reader may see before it is replaced, where twice the live series are fewer."""

_NO_LIMIT = 2**31
_LIMITS: CardinalityLimits = {ObservableCounter: _NO_LIMIT, ObservableGauge: _NO_LIMIT}


class RenewedReader:
    """A reader of the policy instruments, made by `make_reader` and made anew when it has seen too much."""

    def __init__(
        self,
        take: Take,
        make_reader: Callable[[CardinalityLimits], MetricReader],
        resource: Resource,
        budget: int = BUDGET,
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
        self._provider = MeterProvider(
            [self._make_reader(_LIMITS)],
            resource=self._resource,
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
            views=[View(instrument_name="*", exemplar_reservoir_factory=_no_exemplars)],
        )
        self._instruments = PolicyInstruments(self._provider.get_meter("otel_calico", __version__), self._take)


class _NoExemplars(ExemplarReservoir):
    """Counters of the kernel have no traces; one empty reservoir for all series spares each its own."""

    def offer(self, *_: object) -> None:
        """Take nothing."""

    def collect(self, *_: object) -> list[object]:  # type: ignore[override]
        """Give nothing."""
        return []


_NONE = _NoExemplars()


def _no_exemplars(_: type) -> Callable[..., ExemplarReservoir]:
    return lambda **_: _NONE
