"""The series of one endpoint chain, scan after scan. Pure.

The cheapest scan is one that is not made: a chain none of whose lines changed, under a plan that did not change
either, has the readings it had.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.raw import RawAccount
from otel_calico.accounting.scan_times import ScanTimes
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings
from otel_calico.verdicts.plan import EndpointPlan


class ChainAccount:
    """All series of one endpoint chain. Forgotten as a whole when the chain is gone."""

    __slots__ = ("_chain", "_differences", "_plan", "_raw", "_readings")

    def __init__(self) -> None:
        self._raw: dict[Metric, RawAccount] = {}
        self._differences: dict[Metric, DifferenceAccount] = {}
        self._plan: EndpointPlan | None = None
        self._chain: Chain | None = None
        self._readings: Sequence[Readings] = ()

    def read(self, plan: EndpointPlan, chain: Chain, times: ScanTimes) -> Sequence[Readings]:
        """The readings of this scan, one per metric that has series. Raises MalformedCounterError."""
        if plan is self._plan and chain is self._chain:
            return self._readings
        if plan is not self._plan:
            self._raw = {raw.metric: self._raw.get(raw.metric) or RawAccount() for raw in plan.raw}
            self._differences = {
                series.metric: self._differences.get(series.metric) or DifferenceAccount()
                for series in plan.differences
            }
        self._readings = [
            *(self._raw[raw.metric].read(raw, chain, times) for raw in plan.raw),
            *(self._differences[series.metric].read(series, chain, times) for series in plan.differences),
        ]
        self._plan, self._chain = plan, chain
        return self._readings
