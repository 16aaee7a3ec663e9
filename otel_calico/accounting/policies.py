"""Totals of each policy on this node, counted since the start (family `policy`).

All endpoints share a policy's chains, so its rules count for the node: the sum over its rules of each verdict, both
IP versions and all tables together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_

from otel_calico.accounting.gains import Counters, counters_before
from otel_calico.accounting.interval import Interval
from otel_calico.accounting.last_hits import LastHits, PolicyKey, policy_key
from otel_calico.accounting.policy_rules import PolicyRules, Total, book_gains
from otel_calico.attribution.plan import GroupPlan, PolicyPlan, RulesetPlan
from otel_calico.calico.model import RulesetKey
from otel_calico.metrics import POLICY_BYTES, POLICY_GROUP_INFO, POLICY_PACKETS
from otel_calico.ruleset.ruleset import Chain
from otel_calico.series import LabelKey, Labels, Readings, SeriesSet, label_key

_Key = tuple[RulesetKey, str]  # a policy chain


@dataclass(slots=True)
class PolicyAccount:
    """The node's policies, scan after scan."""

    _plans: Sequence[RulesetPlan] = ()
    _rules: dict[_Key, PolicyRules] = field(default_factory=dict)
    _totals: dict[LabelKey, Total] = field(default_factory=dict)
    _last_hits: LastHits = field(default_factory=LastHits)
    _readings: list[Readings] = field(default_factory=list)
    _groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    _group_readings: Readings | None = None
    _read: list[Readings] = field(default_factory=list)

    def read(self, intervals: Sequence[Interval], taken: int) -> list[Readings]:
        """Book what came since the last scan and say the totals; `taken` is now, in Unix nanoseconds."""
        moved = self._moved(intervals)
        if moved is None:
            hit = self._follow(intervals)
            self._read = self._tell(hit, taken, self._groups_read(intervals))
        elif moved:
            looked = [(rules, chain, rules.look(chain)) for rules, chain in moved]
            hit = set[PolicyKey]().union(*[rules.book(chain, counters) for rules, chain, counters in looked])
            self._read = self._tell(hit, taken, self._read[-1])
        return self._read

    def _moved(self, intervals: Sequence[Interval]) -> Sequence[tuple[PolicyRules, Chain]] | None:
        """The policy chains whose counters are others than before; None if a plan or a rule is another one."""
        plans = [one.now.plan for one in intervals]
        if len(plans) != len(self._plans) or not all(map(is_, plans, self._plans)):
            return None
        chains = {one.now.key: one.now.ruleset.chains for one in intervals}
        moved: list[tuple[PolicyRules, Chain]] = []
        for (key, name), rules in self._rules.items():
            chain = chains[key].get(name)
            if chain is None or chain.layout is not rules.chain.layout:
                return None
            if chain is not rules.chain:
                moved.append((rules, chain))
        return moved

    def _follow(self, intervals: Sequence[Interval]) -> set[PolicyKey]:
        """Take other plans and rules; a rule that was there carries on. Gives the policies that were hit meanwhile."""
        looked = [(interval, *one) for interval in intervals for one in _looks(interval)]
        known = self._totals
        self._rules, self._totals, hit = {}, {}, set[PolicyKey]()
        for interval, policy, chain, counters, before in looked:
            totals = list(self._totals_of(policy, interval.since, known))
            self._rules[interval.now.key, policy.chain] = PolicyRules(policy, chain, totals, counters)
            if not interval.first:
                hit |= book_gains(totals, counters, before)
        if list(self._totals) != list(known):  # the same series in another order are another set
            self._readings = []
        self._plans = [interval.now.plan for interval in intervals]
        self._last_hits.follow(total.policy for total in self._totals.values())
        return hit

    def _totals_of(self, policy: PolicyPlan, since: int, known: Mapping[LabelKey, Total]) -> Iterator[Total]:
        """The total that each deciding rule adds to."""
        for verdict, _ in policy.verdicts.deciding:
            labels = policy.attributes | {"calico.verdict": verdict.value}
            key = label_key(labels)
            if key not in self._totals:
                self._totals[key] = known.get(key) or Total(labels, policy_key(labels), since)
            yield self._totals[key]

    def _tell(self, hit: set[PolicyKey], taken: int, groups: Readings) -> list[Readings]:
        totals = self._totals.values()
        packets, octets = [total.packets for total in totals], [total.octets for total in totals]
        if not self._readings:
            labels, since = [total.labels for total in totals], [total.since for total in totals]
            sets = [SeriesSet(metric, labels, since) for metric in (POLICY_PACKETS, POLICY_BYTES)]
            self._readings = [Readings(one, values) for one, values in zip(sets, (packets, octets), strict=True)]
        self._readings = [
            former if former.values == values else Readings(former.series, values)
            for former, values in zip(self._readings, (packets, octets), strict=True)
        ]
        return [*self._readings, self._last_hits.read(hit, taken), groups]

    def _groups_read(self, intervals: Sequence[Interval]) -> Readings:
        groups = {name: group for interval in intervals for name, group in interval.now.plan.groups.items()}
        if self._group_readings is None or groups != self._groups:
            labels = [labels for group in groups.values() for labels in _group_labels(group)]
            series = SeriesSet(POLICY_GROUP_INFO, labels, [0] * len(labels))
            self._groups, self._group_readings = groups, Readings(series, [1] * len(labels))
        return self._group_readings


def _looks(interval: Interval) -> Iterator[tuple[PolicyPlan, Chain, Counters, Counters]]:
    """The policy chains that have rules, and packets and bytes of their deciding ones, now and in the scan before."""
    for policy in interval.now.plan.policies.values():
        if (chain := interval.now.ruleset.chains.get(policy.chain)) is not None:
            rules = [rule for _, rule in policy.verdicts.deciding]
            before = interval.before.chains.get(policy.chain)
            counters = chain.counters(rules)
            yield policy, chain, counters, counters if before is chain else counters_before(chain, rules, before)


def _group_labels(group: GroupPlan) -> Iterable[Labels]:
    for place, member in enumerate(group.members, start=1):
        yield {
            "calico.policy.group": group.chain,
            "calico.policy.name": member.label,
            "calico.policy.order": str(place),
            "calico.direction": member.verdicts.direction.value,
        }
