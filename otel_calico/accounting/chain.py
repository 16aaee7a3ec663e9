"""The series of one endpoint chain, scan after scan. Pure.

The cheapest scan is one that is not made: a chain none of whose lines changed, under a plan that did not change
either, has the readings it had.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.accounting.chain_scan import ChainScan
from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.raw import RawAccount
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings
from otel_calico.verdicts.plan import EndpointPlan


class ChainAccount:
    """All series of one endpoint chain. Forgotten as a whole when the chain is gone."""

    __slots__ = ("_chain", "_differences", "_plan", "_raw", "_readings", "_rules")

    def __init__(self) -> None:
        self._raw: dict[Metric, RawAccount] = {}
        self._differences: dict[Metric, DifferenceAccount] = {}
        self._plan: EndpointPlan | None = None
        self._rules: Sequence[int] = ()
        self._chain: Chain | None = None
        self._readings: Sequence[Readings] = ()

    def read(self, plan: EndpointPlan, scan: ChainScan) -> Sequence[Readings]:
        """The readings of this scan, one per metric that has series; asked again, the same.

        Raises MalformedCounterError.
        """
        if plan is self._plan and scan.chain is self._chain:
            return self._readings
        if plan is not self._plan:
            self._take(plan)
        packets = scan.chain.packets(self._rules)
        readings: list[Readings] = []
        start = 0
        for raw in plan.raw:
            end = start + len(raw.rules)
            readings.append(self._raw[raw.metric].read(raw, packets[start:end], scan))
            start = end
        for series in plan.differences:
            end = start + len(series.rules)
            readings.append(self._differences[series.metric].read(series, packets[start:end], scan))
            start = end
        self._chain, self._readings = scan.chain, readings
        return readings

    def _take(self, plan: EndpointPlan) -> None:
        """Follow a new plan; metrics that it has no series of are forgotten."""
        self._plan, self._rules = plan, plan.rules
        self._raw = {raw.metric: self._raw.get(raw.metric) or RawAccount() for raw in plan.raw}
        self._differences = {
            series.metric: self._differences.get(series.metric) or DifferenceAccount() for series in plan.differences
        }
