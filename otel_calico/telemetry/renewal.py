"""A provider and reader for the policy series, replaced by fresh ones before they remember too many dead series.

Only the page with the stock names needs them (`prometheus.naming: opentelemetry`). The reader's cardinality limit
stands well above a budget, and what passes the budget is replaced. Values do not suffer: they come from the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.resources import Resource

from otel_calico.scans import Take
from otel_calico.telemetry.instruments import LIMITS, SnapshotInstruments, policy_provider

BUDGET = 10_000
"""Attribute sets an SDK reader may see before it is replaced, where twice the live series are fewer."""


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
        self._provider = policy_provider(self._make_reader(LIMITS), self._resource)
        self._instruments = SnapshotInstruments(self._provider, self._take)
