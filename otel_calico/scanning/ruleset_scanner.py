"""Scans the ruleset of one IP version: dump to ruleset to plan to readings. Remembers the scan before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress, count
from operator import is_not

from otel_calico.accounting.chain import ChainAccount
from otel_calico.accounting.groups import GroupWatch
from otel_calico.accounting.interval import ChainInterval, Interval
from otel_calico.accounting.node_drops import NodeDropAccount
from otel_calico.attribution.plan import EndpointPlan, RulesetPlan
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.attribution.planner import Planner, SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import RulesetKey, Table
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.metrics import POLICY_ACCEPT
from otel_calico.ruleset.layers import Layer
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Chain, Ruleset
from otel_calico.series import Readings, SeriesSet

_EMPTY = Ruleset({}, {}, "")
_NO_READINGS = Readings(SeriesSet(POLICY_ACCEPT, (), ()), ())
"""Stands for those of an account that failed."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds by step of a scan; steps of both IP versions add up."""

    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)

    def lap(self, step: str) -> None:
        """Book the time since the last lap on this step."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._started
        self._started = now


class RulesetScanner:
    """Follows the ruleset of one table from scan to scan."""

    def __init__(self, key: RulesetKey, lookups: Lookups, choice: SeriesChoice) -> None:
        self.key = key
        self.ruleset = _EMPTY
        self._planner = Planner(key, lookups, choice)
        self._layer = Layer(key.table)
        self._accounts: dict[str, ChainAccount] = {}
        self._accounted: RulesetPlan | None = None  # what the accounts are of
        self._plans: Sequence[tuple[str, EndpointPlan]] = ()  # of each account
        self._read: Sequence[Chain | None] = ()  # the chain that each account read last
        self._readings: list[Readings] = []  # of one account after the other
        self._places: Sequence[slice] = ()  # where those of each account stand
        self._groups = GroupWatch()
        self._node_drops = NodeDropAccount()
        self._looked_at: int | None = None  # Unix nanoseconds of the scan before

    def parse(self, text: str, previous: Ruleset | None = None) -> Ruleset:
        """Read a dump, after the ruleset of the scan before or another. Raises DumpError."""
        return parse(text, previous or self.ruleset, self.key.table)

    def layer_of(self, whole: Ruleset) -> Ruleset:
        """This table's part of a ruleset of native nftables."""
        return self._layer.of(whole)

    def absent(self) -> Ruleset:
        """What stands for a dump of a table that is not there now."""
        return _EMPTY

    def attribute(self, ruleset: Ruleset, taken: int) -> Interval:
        """Plan a ruleset, and compare it with the scan before. `taken` is when it was read, in Unix nanoseconds."""
        planned = PlannedRuleset(self.key, ruleset, self._planner.plan(ruleset))
        if self._looked_at is None:
            return Interval(planned, self.ruleset, since=taken, first=True)
        # What appears in the second scan is no stream of the first one: it begins after that.
        return Interval(planned, self.ruleset, since=self._looked_at + 1, first=False)

    def account(self, interval: Interval, failed: FailedParts) -> Sequence[Readings]:
        """Readings of all chains that have series; chains that are gone are forgotten.

        An account that fails says nothing, and the next scan begins it anew: what it booked by halves is gone.
        """
        planned = interval.now
        if planned.plan is not self._accounted:
            self._follow(planned.plan)
        groups = self._groups.look(interval, failed)
        chains = list(map(planned.ruleset.chains.__getitem__, self._accounts))
        read: list[Chain | None] = [*chains]
        for number in compress(count(), map(is_not, chains, self._read)):
            (name, plan), chain = self._plans[number], chains[number]
            account = self._accounts[name]
            if not account.has_read(plan, chain):
                before = interval.before.chains.get(name)
                of_chain = ChainInterval(chain, before, interval.since, interval.first, groups)
                part = ScanPart.ENDPOINT_CHAIN if name in planned.plan.endpoints else ScanPart.POLICY_CHAIN
                if failed.attempt(part, name, account.read, plan, of_chain) is None:
                    self._accounts[name], read[number] = ChainAccount(), None
                    self._readings[self._places[number]] = [_NO_READINGS] * len(plan.series)
                    continue
            self._readings[self._places[number]] = account.readings
        self._read = read
        return [one for one in self._readings if one is not _NO_READINGS] if None in read else self._readings

    def account_node_drops(self, interval: Interval, failed: FailedParts) -> Sequence[Readings]:
        """Readings of the rules that drop packets of no known endpoint and no policy."""
        readings = failed.attempt(ScanPart.NODE_DROPS, "", self._node_drops.read, interval)
        if readings is None:
            self._node_drops = NodeDropAccount()
        return readings or ()

    def _follow(self, plan: RulesetPlan) -> None:
        """Take another plan: all chains are to be read."""
        self._accounted = plan
        self._accounts = {name: self._accounts.get(name) or ChainAccount() for name in plan.series}
        ends = list(accumulate(len(of_chain.series) for of_chain in plan.series.values()))
        self._places = list(map(slice, [0, *ends], ends))
        self._plans = list(plan.series.items())
        self._readings, self._read = [], [None] * len(self._accounts)

    def accept(self, planned: PlannedRuleset, taken: int) -> None:
        """Let this be the scan that the next one is compared with."""
        self.ruleset, self._looked_at = planned.ruleset, taken


def dataplane_of(rulesets: Mapping[RulesetKey, Ruleset]) -> str:
    """Which of Felix's dataplanes wrote the rulesets: `iptables`, `nftables` or `ebpf`; empty if none did."""
    shown = {ruleset.dataplane for key, ruleset in rulesets.items() if key.table is Table.FILTER}
    return next((name for name in ("nftables", "iptables", "ebpf") if name in shown), "")
