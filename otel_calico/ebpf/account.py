"""The account of a node with the eBPF dataplane: its series since the start, look after look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_calico.accounting.last_hits import LastHits, PolicyKey, policy_key
from otel_calico.accounting.since_start import SinceStart
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.ebpf.bookings import Booker, Bookings, drops
from otel_calico.ebpf.counted import Counted, PolicyVerdict
from otel_calico.ebpf.drop_reasons import POLICY
from otel_calico.ebpf.gains import InterfaceCounterGains, RuleCounterGains
from otel_calico.ebpf.plan import EbpfPlan, ExactKey, InterfaceDrop, NodeDropKey, RuleKey
from otel_calico.ebpf.planner import EbpfPlanner
from otel_calico.ebpf.state import DebugFiles, EbpfState
from otel_calico.metrics import (
    NO_POLICY_DROP,
    NODE_DROPPED,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_PACKETS,
    RULE,
    WORKLOAD_ACCEPTED,
    WORKLOAD_DROPPED,
)
from otel_calico.series import Readings

_EXACT = (NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP)


class EbpfAccount:
    """Follows one node. `plan` is that of the last look, `unknown_ids` how many ids that count nobody can explain."""

    def __init__(self, lookups: Lookups, choice: SeriesChoice) -> None:
        self._families = choice.families
        self._planner = EbpfPlanner(lookups, choice)
        self._rule_gains = RuleCounterGains()
        self._interface_gains = InterfaceCounterGains()
        self._booker = Booker(rules="rule" in choice.families)
        self._other_drops: set[InterfaceDrop] = set()
        self._looked_at: int | None = None
        self._policy_keys: Sequence[PolicyKey] = ()  # of each series of policies
        self._last_hits = LastHits()
        self._policies = SinceStart[PolicyVerdict](POLICY_PACKETS)
        self._rules = SinceStart[RuleKey](RULE[0])
        self._node_drops = SinceStart[NodeDropKey](NODE_DROPPED[0])
        self._accepted = SinceStart[tuple[str, int]](WORKLOAD_ACCEPTED)
        self._dropped = SinceStart[InterfaceDrop](WORKLOAD_DROPPED[0])
        self._exact = {metric: SinceStart[ExactKey](metric) for metric in _EXACT}
        self.plan = EbpfPlan()
        self.unknown_ids = 0

    def read(self, state: EbpfState, found: Mapping[int, Counted], taken: int) -> Sequence[Readings]:
        """The readings of this look, taken at this Unix time in nanoseconds.

        `found` says what ids count where the debug files cannot be read.
        """
        former, since = self.plan, taken if self._looked_at is None else self._looked_at
        self._looked_at = taken
        interface_gains = self._interface_gains.look(state)
        self._follow_other_drops(state, {drop for drop, _ in drops(interface_gains)})
        counted = self._planner.counted(state, found)
        if state.programs.files is DebugFiles.REMOVED:
            self._rule_gains.pass_over(state.rules)
        rule_gains = self._rule_gains.look(state.rules, counted)
        self.unknown_ids = rule_gains.unknown
        self.plan = self._planner.plan(state, counted, self._other_drops)
        if self.plan.policies is not former.policies:
            self._policy_keys = [policy_key(labels) for labels in self.plan.policies.values()]
            self._last_hits.follow(self._policy_keys)
        booked = self._booker.book(self.plan, former, rule_gains, interface_gains)
        return list(self._readings(booked, since, taken))

    def _follow_other_drops(self, state: EbpfState, happened: set[InterfaceDrop]) -> None:
        """Keep which drops for other reasons than policy ever happened, of the interfaces there are."""
        interfaces = set(state.names.values())
        others = {drop for drop in happened if drop.reason != POLICY}
        self._other_drops = {drop for drop in self._other_drops | others if drop.interface in interfaces}

    def _readings(self, booked: Bookings, since: int, taken: int) -> Sequence[Readings]:
        plan = self.plan
        readings: list[Readings] = []
        if "accountant" in self._families:
            readings += (
                account.read(plan.exact_labels.get(metric, {}), booked.exact.get(metric, {}), since)
                for metric, account in self._exact.items()
            )
        if "policy" in self._families:
            readings.append(self._policies.read(plan.policies, booked.policies, since))
            hit = {self._policy_keys[place] for place in booked.policies}
            readings.append(self._last_hits.read(hit, taken))
            readings.append(self._node_drops.read(plan.node_drops, booked.node_drops, since))
        if "workload" in self._families:
            readings.append(self._accepted.read(plan.accepted, booked.accepted, since))
            readings.append(self._dropped.read(plan.dropped, booked.dropped, since))
        if "rule" in self._families:
            readings.append(self._rules.read(plan.rules, booked.rules, since))
        return [one for one in readings if one.series.labels]
