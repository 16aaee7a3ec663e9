"""What rules dropped of no policy's and no known endpoint's packets: each rule's counter (family `policy`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otel_calico.accounting.cardinality import ShownOnceCounted
from otel_calico.accounting.interval import ChainInterval, Interval
from otel_calico.accounting.raw import RawAccount
from otel_calico.attribution.plan import NodeDrops
from otel_calico.metrics import Metric
from otel_calico.series import Readings


class NodeDropAccount:
    """The node's drops in one IP version, scan after scan.

    The rules that every node has are shown at zero. Of the others, which may be dozens, a series begins when its rule
    has counted something.
    """

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str, Metric], RawAccount] = {}
        self._shown = ShownOnceCounted()

    def read(self, interval: Interval) -> Sequence[Readings]:
        """The readings of this scan; the former objects where nothing moved."""
        former, self._accounts = self._accounts, {}
        drops = interval.now.plan.node_drops
        usual = [one for each in drops if each.is_usual for one in self._of_chain(each, interval, former)]
        others = [one for each in drops if not each.is_usual for one in self._of_chain(each, interval, former)]
        return [*usual, *self._shown.of(others)]

    def _of_chain(
        self, drops: NodeDrops, interval: Interval, former: dict[tuple[str, str, Metric], RawAccount]
    ) -> Iterator[Readings]:
        chain = interval.now.ruleset.chains.get(drops.chain)
        if chain is None:
            return
        of_chain = ChainInterval(chain, interval.before.chains.get(drops.chain), interval.since, interval.first)
        for series in drops.series:
            key = drops.chain, drops.reason, series.metric
            account = self._accounts[key] = former.get(key) or RawAccount()
            values = chain.octets(series.rules) if series.metric.counts_bytes else chain.packets(series.rules)
            yield account.read(series, values, of_chain)
