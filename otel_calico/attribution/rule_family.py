"""Plans family `rule`: the deciding rules of each policy, one series each.

Felix writes one deciding rule of iptables or nftables per rule of a policy (`felix/rules/policy.go`), whatever else the
rule needs before it. Which one it is, Felix tells where it writes flow logs: the NFLOG prefix has the rule's index.
Elsewhere the rules are counted; those that are only for the other IP version are not there to be counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from otel_calico.attribution.plan import EndpointPlan, PolicyPlan
from otel_calico.attribution.planned_series import RawSeries
from otel_calico.calico.model import RulesetKey
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.metrics import RULE
from otel_calico.ruleset.ruleset import Layout
from otel_calico.series import LabelKey, Labels, label_key

_NFLOG_INDEX = re.compile(r"[ADP]P[IE](\d+)\|")


@dataclass(frozen=True, slots=True)
class _PlannedRules:
    """A plan, and what it was made from."""

    layout: Layout
    policy: PolicyPlan
    labels: Labels
    plan: EndpointPlan


class RulePlanner:
    """Plans the policy chains of one table; a chain that is as before has the plan it had."""

    def __init__(self, key: RulesetKey) -> None:
        self._of_ruleset = {"network.type": f"ipv{key.ip_version.value}", **key.attributes}
        self._planned: Mapping[str, _PlannedRules] = {}

    def plan(
        self, policies: Mapping[str, PolicyPlan], layouts: Mapping[str, Layout], failed: FailedParts
    ) -> Mapping[str, EndpointPlan]:
        """The plans of the policy chains that decide anything."""
        found = {
            name: failed.attempt(ScanPart.POLICY_CHAIN, name, self._plan_policy, layouts[name], policies[name], labels)
            for name, labels in self._labels(policies)
            if policies[name].verdicts.deciding
        }
        self._planned = {name: planned for name, planned in found.items() if planned}
        return {name: planned.plan for name, planned in self._planned.items()}

    def _labels(self, policies: Mapping[str, PolicyPlan]) -> Iterator[tuple[str, Labels]]:
        """The labels that a policy's series share. Of two with one canonical name the later shows its chain."""
        seen: set[LabelKey] = set()
        for name, policy in policies.items():
            labels = policy.attributes | self._of_ruleset
            key = label_key(labels)
            yield name, labels | {"chain": name} if key in seen else labels
            seen.add(key)

    def _plan_policy(self, layout: Layout, policy: PolicyPlan, labels: Labels) -> _PlannedRules:
        former = self._planned.get(layout.name)
        if former and former.layout is layout and (former.policy, former.labels) == (policy, labels):
            return former
        positions = tuple(position for _, position in policy.verdicts.deciding)
        series = tuple(
            {**labels, "calico.verdict": verdict.value, "calico.rule.index": str(index)}
            for (verdict, _), index in zip(policy.verdicts.deciding, rule_indexes(layout, positions), strict=True)
        )
        return _PlannedRules(
            layout, policy, labels, EndpointPlan(raw=tuple(RawSeries(metric, series, positions) for metric in RULE))
        )


def rule_indexes(layout: Layout, deciding: Sequence[int]) -> Sequence[int]:
    """Places in the policy's list, from 0, of the rules that decide at these positions of its chain."""
    logged = [_logged_index(layout, position) for position in deciding]
    told = [index for index in logged if index is not None]
    if len(set(told)) == len(deciding):
        return told
    logging = [position for position, rule in enumerate(layout.rules) if rule and rule.target == "LOG"]
    policy_rules = sorted({*deciding, *logging})
    return [policy_rules.index(position) for position in deciding]


def _logged_index(layout: Layout, deciding: int) -> int | None:
    """The index in the NFLOG line beside a deciding one: after the mark of an allow or pass, before the drop."""
    drops = (own := layout.rules[deciding]) is not None and own.drops
    beside = deciding - 1 if drops else deciding + 1
    rule = layout.rules[beside] if 0 <= beside < len(layout.rules) else None
    match = _NFLOG_INDEX.match(rule.nflog_prefix) if rule and rule.nflog_prefix else None
    return int(match[1]) if match else None
