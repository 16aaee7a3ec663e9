"""The accounts of one endpoint chain: a reading for each of its series, from scan to scan.

The cheapest scan is one that is not made: a chain none of whose lines changed, under a plan that did not change
either, has the readings it had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from otel_calico.accounting.differences import DifferenceAccount
from otel_calico.accounting.interval import ChainInterval
from otel_calico.accounting.raw import RawAccount
from otel_calico.accounting.shares import SharedAccount
from otel_calico.attribution.plan import EndpointPlan
from otel_calico.attribution.planned_series import DifferenceSeries, RawSeries, SharedSeries
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings


class _Account(Protocol):
    """Of the series of one metric, each of its own kind."""

    def read(self, plan: Any, counters: list[int], chain: ChainInterval) -> Readings:
        """The readings of this scan, from the counters of the plan's rules."""


_ACCOUNTS: Mapping[type, Callable[[], _Account]] = {
    RawSeries: RawAccount,
    DifferenceSeries: DifferenceAccount,
    SharedSeries: SharedAccount,
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Rules whose packets and rules whose bytes are read, for one series set after the other.

    `parts` tells of each set whether it counts bytes, and which of those rules are its own.
    """

    packets: Sequence[int] = ()
    octets: Sequence[int] = ()
    parts: Sequence[tuple[bool, slice]] = ()


class ChainAccount:
    """All series of one endpoint chain. Forgotten as a whole when the chain is gone."""

    __slots__ = ("_accounts", "_chain", "_plan", "_wanted", "readings")

    def __init__(self) -> None:
        self._accounts: dict[tuple[type, Metric], _Account] = {}  # in the order of the plan's series
        self._wanted = _Wanted()
        self._plan: EndpointPlan | None = None
        self._chain: Chain | None = None
        self.readings: Sequence[Readings] = ()

    def has_read(self, plan: EndpointPlan, chain: Chain) -> bool:
        """True if this is what was read last, so that reading it again would say the same."""
        return chain is self._chain and plan is self._plan

    def read(self, plan: EndpointPlan, interval: ChainInterval) -> Sequence[Readings]:
        """The readings of this scan, one per metric that has series."""
        if plan is not self._plan:
            self._take(plan)
        wanted, chain = self._wanted, interval.chain
        packets = list(map(chain.all_packets.__getitem__, wanted.packets)) if wanted.packets else []
        octets = chain.octets(wanted.octets) if wanted.octets else []
        self._chain = chain
        self.readings = [
            account.read(series, (octets if of_bytes else packets)[part], interval)
            for account, series, (of_bytes, part) in zip(
                self._accounts.values(), plan.series, self._wanted.parts, strict=True
            )
        ]
        return self.readings

    def _take(self, plan: EndpointPlan) -> None:
        """Follow a new plan; metrics that it has no series of are forgotten."""
        series = plan.series
        former, kinds = self._accounts, [(type(one), one.metric) for one in series]
        self._plan = plan
        self._accounts = {kind: former.get(kind) or _ACCOUNTS[kind[0]]() for kind in kinds}
        self._wanted = _wanted(tuple([(one.metric.counts_bytes, one.rules) for one in series]))


@lru_cache(maxsize=1024)
def _wanted(sets: Sequence[tuple[bool, Sequence[int]]]) -> _Wanted:
    """What sets of series want, from whether each counts bytes, and its rules. Pods of one kind want the same."""
    packets: list[int] = []
    octets: list[int] = []
    parts: list[tuple[bool, slice]] = []
    for of_bytes, of_set in sets:
        rules = octets if of_bytes else packets
        parts.append((of_bytes, slice(len(rules), len(rules) + len(of_set))))
        rules.extend(of_set)
    return _Wanted(packets, octets, parts)
