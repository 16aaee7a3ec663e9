"""The series of one endpoint chain, scan after scan. Pure.

The cheapest scan is one that is not made: a chain none of whose lines changed, under a plan that did not change
either, has the readings it had.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.accounting.chain_scan import ChainScan
from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.raw import RawAccount
from otel_calico.accounting.shares import SharedAccount
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings
from otel_calico.verdicts.plan import DifferenceSeries, EndpointPlan, RawSeries


class ChainAccount:
    """All series of one endpoint chain. Forgotten as a whole when the chain is gone."""

    __slots__ = ("_chain", "_differences", "_octets", "_packets", "_peeked", "_plan", "_raw", "_shared", "readings")

    def __init__(self) -> None:
        self._raw: dict[Metric, RawAccount] = {}
        self._differences: dict[Metric, DifferenceAccount] = {}
        self._shared: dict[Metric, SharedAccount] = {}
        self._plan: EndpointPlan | None = None
        self._packets: Sequence[int] = ()  # rules whose packets are read, for one series set after the other
        self._octets: Sequence[int] = ()  # rules whose bytes are read, likewise
        self._peeked: tuple[Chain, list[int], list[int]] | None = None
        self._chain: Chain | None = None
        self.readings: Sequence[Readings] = ()

    def has_read(self, plan: EndpointPlan, chain: Chain) -> bool:
        """True if this is what was read last, so that reading it again would say the same."""
        return chain is self._chain and plan is self._plan

    def read(self, plan: EndpointPlan, scan: ChainScan) -> Sequence[Readings]:
        """The readings of this scan, one per metric that has series. Raises MalformedCounterError."""
        if plan is not self._plan:
            self._take(plan)
        if self._peeked is None or self._peeked[0] is not scan.chain:
            self.peek(scan.chain)
        packets, octets = self._take_peeked()
        readings: list[Readings] = []
        packets_read = octets_read = 0
        for series in plan.series:
            size = len(series.rules)
            if series.metric.counts_bytes:
                counters = octets[octets_read : octets_read + size]
                octets_read += size
            else:
                counters = packets[packets_read : packets_read + size]
                packets_read += size
            if isinstance(series, RawSeries):
                readings.append(self._raw[series.metric].read(series, counters, scan))
            elif isinstance(series, DifferenceSeries):
                readings.append(self._differences[series.metric].read(series, counters, scan))
            else:
                readings.append(self._shared[series.metric].read(series, counters, scan))
        self._chain, self.readings = scan.chain, readings
        return readings

    def peek(self, chain: Chain) -> None:
        """Note the counters that `read` will want, while the chain's lines are in the processor's cache.

        Raises MalformedCounterError.
        """
        self._peeked = chain, chain.packets(self._packets), chain.octets(self._octets) if self._octets else []

    def _take_peeked(self) -> tuple[list[int], list[int]]:
        assert self._peeked is not None  # noqa: S101 - `read` has peeked
        _, packets, octets = self._peeked
        self._peeked = None
        return packets, octets

    def _take(self, plan: EndpointPlan) -> None:
        """Follow a new plan; metrics that it has no series of are forgotten."""
        self._plan, self._peeked = plan, None
        self._packets = [rule for series in plan.series if not series.metric.counts_bytes for rule in series.rules]
        self._octets = [rule for series in plan.series if series.metric.counts_bytes for rule in series.rules]
        self._raw = {raw.metric: self._raw.get(raw.metric) or RawAccount() for raw in plan.raw}
        self._differences = {
            series.metric: self._differences.get(series.metric) or DifferenceAccount() for series in plan.differences
        }
        self._shared = {series.metric: self._shared.get(series.metric) or SharedAccount() for series in plan.shared}
