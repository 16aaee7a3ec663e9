"""What rules dropped of no policy's and no known endpoint's packets: each rule's counter (family `policy`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, count
from operator import is_not

from otel_calico.accounting.cardinality import ShownOnceCounted
from otel_calico.accounting.interval import ChainInterval, Interval
from otel_calico.accounting.raw import RawAccount
from otel_calico.attribution.plan import NodeDrops
from otel_calico.attribution.planned_series import RawSeries
from otel_calico.metrics import Metric
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import Readings


class NodeDropAccount:
    """The node's drops in one IP version, scan after scan.

    The rules that every node has are shown at zero. Of the others, which may be dozens, a series begins when its rule
    has counted something.
    """

    def __init__(self) -> None:
        self._planned: Sequence[NodeDrops] = ()
        self._accounts: Sequence[_ChainDrops] = ()  # of each of these
        self._read: Sequence[Chain | None] = ()  # the chain that each account read last
        self._shown = ShownOnceCounted()

    def read(self, interval: Interval) -> Sequence[Readings]:
        """The readings of this scan; the former objects where nothing moved."""
        if interval.now.plan.node_drops is not self._planned:
            self._follow(interval.now.plan.node_drops)
        chains = [interval.now.ruleset.chains.get(one.chain) for one in self._planned]
        for number in compress(count(), map(is_not, chains, self._read)):  # most chains never move
            self._accounts[number].read(self._planned[number], chains[number], interval)
        self._read = chains
        accounts = list(zip(self._planned, self._accounts, strict=True))
        usual = [one for drops, account in accounts if drops.is_usual for one in account.readings]
        others = [one for drops, account in accounts if not drops.is_usual for one in account.readings]
        return [*usual, *self._shown.of(others)]

    def _follow(self, planned: Sequence[NodeDrops]) -> None:
        """Take another plan: where it says something else of a chain, that is to be read."""
        known = zip(self._planned, self._accounts, self._read, strict=True)
        former = {(drops.chain, drops.reason): (drops, account, chain) for drops, account, chain in known}
        places = [former.get((one.chain, one.reason)) or (one, _ChainDrops(), None) for one in planned]
        self._planned = planned
        self._accounts = [account for _, account, _ in places]
        self._read = [chain if drops is one else None for one, (drops, _, chain) in zip(planned, places, strict=True)]


class _ChainDrops:
    """What the rules of one chain dropped for one reason."""

    def __init__(self) -> None:
        self._accounts: dict[Metric, RawAccount] = {}
        self.readings: Sequence[Readings] = ()

    def read(self, drops: NodeDrops, chain: Chain | None, interval: Interval) -> None:
        """Take the readings of this scan; none where the dump lacks the chain."""
        former, self._accounts, self.readings = self._accounts, {}, ()
        if chain:
            before = interval.before.chains.get(drops.chain)
            of_chain = ChainInterval(chain, before, interval.since, interval.first)
            self._accounts = {one.metric: former.get(one.metric) or RawAccount() for one in drops.series}
            self.readings = [
                self._accounts[one.metric].read(one, _counters(chain, one), of_chain) for one in drops.series
            ]


def _counters(chain: Chain, series: RawSeries) -> list[int]:
    return chain.octets(series.rules) if series.metric.counts_bytes else chain.packets(series.rules)
