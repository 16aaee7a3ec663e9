"""The series of one endpoint chain, scan after scan. Pure.

The cheapest scan is one that is not made: a chain none of whose lines changed, under a plan that did not change
either, has the readings it had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from otel_calico.accounting.chain_scan import ChainScan
from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.raw import RawAccount
from otel_calico.accounting.shares import SharedAccount
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings
from otel_calico.verdicts.plan import DifferenceSeries, EndpointPlan, RawSeries, SharedSeries

_Read = Callable[[list[int], ChainScan], Readings]


class ChainAccount:
    """All series of one endpoint chain. Forgotten as a whole when the chain is gone."""

    __slots__ = (
        "_chain",
        "_differences",
        "_octets",
        "_packets",
        "_peeked",
        "_plan",
        "_raw",
        "_reads",
        "_shared",
        "readings",
    )

    def __init__(self) -> None:
        self._raw: dict[Metric, RawAccount] = {}
        self._differences: dict[Metric, DifferenceAccount] = {}
        self._shared: dict[Metric, SharedAccount] = {}
        self._plan: EndpointPlan | None = None
        self._packets: list[int] = []  # rules whose packets are read, for one series set after the other
        self._octets: list[int] = []  # rules whose bytes are read, likewise
        self._reads: list[tuple[_Read, bool, slice]] = []  # of each set: whether of bytes, and which of those rules
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
        packets, octets = self._looked_at(scan.chain)
        self._chain = scan.chain
        self.readings = [read((octets if bytes_ else packets)[part], scan) for read, bytes_, part in self._reads]
        return self.readings

    def peek(self, chain: Chain) -> None:
        """Note the counters that `read` will want, while the chain's lines are in the processor's cache.

        Raises MalformedCounterError.
        """
        self._peeked = chain, chain.packets(self._packets), chain.octets(self._octets) if self._octets else []

    def _looked_at(self, chain: Chain) -> tuple[list[int], list[int]]:
        if self._peeked is None or self._peeked[0] is not chain:
            self.peek(chain)
        assert self._peeked is not None  # noqa: S101 - just peeked
        _, packets, octets = self._peeked
        self._peeked = None
        return packets, octets

    def _take(self, plan: EndpointPlan) -> None:
        """Follow a new plan; metrics that it has no series of are forgotten."""
        self._plan, self._peeked = plan, None
        self._raw = {raw.metric: self._raw.get(raw.metric) or RawAccount() for raw in plan.raw}
        self._differences = {
            series.metric: self._differences.get(series.metric) or DifferenceAccount() for series in plan.differences
        }
        self._shared = {series.metric: self._shared.get(series.metric) or SharedAccount() for series in plan.shared}
        self._packets, self._octets, self._reads = [], [], []
        for series in plan.series:
            rules = self._octets if series.metric.counts_bytes else self._packets
            part = slice(len(rules), len(rules) + len(series.rules))
            rules.extend(series.rules)
            self._reads.append((self._reading(series), series.metric.counts_bytes, part))

    def _reading(self, series: RawSeries | DifferenceSeries | SharedSeries) -> _Read:
        """What reads these series from the counters of their rules."""
        if isinstance(series, RawSeries):
            return partial(self._raw[series.metric].read, series)
        if isinstance(series, DifferenceSeries):
            return partial(self._differences[series.metric].read, series)
        return partial(self._shared[series.metric].read, series)
