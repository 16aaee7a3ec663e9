"""Totals of each policy on this node, counted since the start (family `policy`). Pure.

All endpoints share a policy's chains, so its rules count for the node: the sum over its rules of each verdict, both
IP versions together. Each rule is followed on its own, by its hash: one that appears counts in full, one that falls
was reset and starts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_

from otel_calico.accounting.last_hits import LastHits, PolicyKey, policy_key
from otel_calico.accounting.planned import PlannedRuleset
from otel_calico.metrics import POLICY_BYTES, POLICY_GROUP_INFO, POLICY_PACKETS
from otel_calico.model import IPVersion
from otel_calico.series import Labels, Readings, SeriesSet
from otel_calico.verdicts.plan import GroupPlan, PolicyPlan

_RuleKey = tuple[IPVersion, str, str]
_LabelKey = frozenset[tuple[str, str]]


@dataclass(slots=True)
class _Total:
    labels: Labels
    policy: PolicyKey
    since: int
    packets: int = 0
    octets: int = 0


@dataclass(slots=True)
class PolicyAccount:
    """The node's policies, scan after scan."""

    _counters: dict[_RuleKey, tuple[int, int]] = field(default_factory=dict)
    _totals: dict[_LabelKey, _Total] = field(default_factory=dict)
    _readings: list[Readings] = field(default_factory=list)
    _last_hits: LastHits = field(default_factory=LastHits)
    _groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    _group_readings: Readings | None = None
    _seen: Sequence[object] = ()
    _read: list[Readings] = field(default_factory=list)

    def read(self, rulesets: Sequence[PlannedRuleset], taken: int) -> list[Readings]:
        """Book what came since the last scan and say the totals; `taken` is now, in Unix nanoseconds.

        Raises MalformedCounterError, booking nothing then.
        """
        seen = [part for ruleset in rulesets for part in _looked_at(ruleset)]
        if len(seen) != len(self._seen) or not all(map(is_, seen, self._seen)):
            self._read = self._book_all(rulesets, taken)
            self._seen = seen
        return self._read

    def _book_all(self, rulesets: Sequence[PlannedRuleset], taken: int) -> list[Readings]:
        former = self._counters
        self._counters = {key: counters for ruleset in rulesets for key, counters in _counters(ruleset)}
        alive: dict[_LabelKey, _Total] = {}
        hit: set[PolicyKey] = set()
        for ruleset in rulesets:
            for policy in ruleset.plan.policies.values():
                for labels, rules in _rules_by_verdict(policy, ruleset.hashes(policy.chain)):
                    key = frozenset(labels.items())
                    total = alive.get(key) or self._totals.get(key) or _begun(labels, ruleset.times.previous)
                    alive[key], before = total, total.packets
                    if not ruleset.times.first:
                        self._book(total, [(ruleset.ip_version, policy.chain, rule) for rule in rules], former)
                    if total.packets > before:
                        hit.add(total.policy)
        changed = list(alive) != list(self._totals)  # the same series in another order are another set
        self._totals = alive
        last_hits = self._last_hits.read(dict.fromkeys(total.policy for total in alive.values()), hit, taken)
        return [*self._totals_read(changed=changed), last_hits, *self._groups_read(rulesets)]

    def _book(self, total: _Total, rules: Iterable[_RuleKey], former: Mapping[_RuleKey, tuple[int, int]]) -> None:
        for rule in rules:
            packets, octets = self._counters[rule]
            packets_before, octets_before = former.get(rule, (0, 0))
            if packets < packets_before or octets < octets_before:
                packets_before = octets_before = 0
            total.packets += packets - packets_before
            total.octets += octets - octets_before

    def _totals_read(self, *, changed: bool) -> list[Readings]:
        totals = list(self._totals.values())
        packets, octets = [total.packets for total in totals], [total.octets for total in totals]
        if changed or not self._readings:
            labels, since = [total.labels for total in totals], [total.since for total in totals]
            self._readings = [
                Readings(SeriesSet(POLICY_PACKETS, labels, since), packets),
                Readings(SeriesSet(POLICY_BYTES, labels, since), octets),
            ]
        self._readings = [
            former if former.values == values else Readings(former.series, values)
            for former, values in zip(self._readings, (packets, octets), strict=True)
        ]
        return self._readings

    def _groups_read(self, rulesets: Sequence[PlannedRuleset]) -> list[Readings]:
        groups = {name: group for ruleset in rulesets for name, group in ruleset.plan.groups.items()}
        if self._group_readings is None or groups != self._groups:
            labels = [labels for group in groups.values() for labels in _group_labels(group)]
            series = SeriesSet(POLICY_GROUP_INFO, labels, [0] * len(labels))
            self._groups, self._group_readings = groups, Readings(series, [1] * len(labels))
        return [self._group_readings]


def _looked_at(ruleset: PlannedRuleset) -> Iterable[object]:
    """All that the totals depend on. Where these are the same objects as in the scan before, no counter moved."""
    chains = ruleset.ruleset.chains
    yield ruleset.plan
    yield from map(chains.get, ruleset.plan.policies)


def _begun(labels: Labels, since: int) -> _Total:
    return _Total(labels, policy_key(labels), since)


def _counters(ruleset: PlannedRuleset) -> Iterable[tuple[_RuleKey, tuple[int, int]]]:
    """Packets and bytes of every deciding rule."""
    for policy in ruleset.plan.policies.values():
        chain = ruleset.ruleset.chains.get(policy.chain)
        if chain is None:  # without rules
            continue
        rules = [rule for _, rule in policy.verdicts.deciding]
        for rule, counters in zip(rules, chain.counters(rules), strict=True):
            yield (ruleset.ip_version, policy.chain, chain.layout.hashes[rule]), counters


def _rules_by_verdict(policy: PolicyPlan, hashes: Sequence[str]) -> Iterable[tuple[Labels, list[str]]]:
    """Labels and the hashes of the rules behind them."""
    deciding = policy.verdicts.deciding
    for verdict in dict.fromkeys(verdict for verdict, _ in deciding):
        labels = policy.attributes | {"calico.verdict": verdict.value}
        yield labels, [hashes[rule] for given, rule in deciding if given is verdict]


def _group_labels(group: GroupPlan) -> Iterable[Labels]:
    for place, member in enumerate(group.members, start=1):
        yield {
            "calico.policy.group": group.chain,
            "calico.policy.name": member.label,
            "calico.policy.order": str(place),
            "calico.direction": member.verdicts.direction.value,
        }
