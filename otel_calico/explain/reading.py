"""Reads one endpoint's chain into the way of a packet through it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from otel_calico.attribution.denies import denied, passed
from otel_calico.attribution.endpoint_chain import PolicyJump, TierBlock, read_endpoint_chain
from otel_calico.attribution.plan import Difference
from otel_calico.attribution.targets import Targets, known_jumps
from otel_calico.attribution.tiers import tier_of
from otel_calico.calico.chains import GROUP_PREFIXES, PROFILE_PREFIXES
from otel_calico.calico.model import Verdict
from otel_calico.explain.counts import ChainCounts, Count, at_most
from otel_calico.explain.path import (
    DropStep,
    EndpointPath,
    EndpointTraffic,
    PolicyStep,
    PolicyTotals,
    ProfileStep,
    TierStep,
)
from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import Chain

_PROFILE_COMMENT = re.compile(r"Profile ([^\s=]+) (?:ingress|egress)")
_GROUP_TARGETS = tuple(GROUP_PREFIXES.values())
_PROFILE_TARGETS = tuple(PROFILE_PREFIXES.values())

Members = Mapping[str, tuple[PolicyTotals, ...]]
"""The policies behind each policy or group chain."""


def read_path(
    endpoint: EndpointTraffic, chains: Mapping[str, Chain], counts: ChainCounts, targets: Targets, members: Members
) -> EndpointPath:
    """The way through the endpoint's chain, whose counters are `counts`."""
    rules = chains[endpoint.chain].layout.rules
    chain = read_endpoint_chain(rules)
    return EndpointPath(
        endpoint=endpoint,
        established=counts.rule(chain.established) if chain.established is not None else None,
        tiers=tuple(_tier(tier, counts, targets, members) for tier in chain.tiers),
        profiles=tuple(_profiles(rules, chains, counts)),
        drops=tuple(DropStep(drop.reason, drop.detail, counts.rule(drop.rule)) for drop in chain.other_drops),
        unread=rules.count(None),
    )


def _tier(tier: TierBlock, counts: ChainCounts, targets: Targets, members: Members) -> TierStep:
    return TierStep(
        name=tier_of(tier, targets),
        policies=tuple(_policy(tier, jump, counts, targets, members) for jump, _ in known_jumps(tier, targets)),
        dropped=counts.rule(tier.drop) if tier.drop is not None else None,
        left=counts.rule(tier.leaving) if tier.leaving is not None else None,
    )


def _policy(tier: TierBlock, jump: PolicyJump, counts: ChainCounts, targets: Targets, members: Members) -> PolicyStep:
    target, policies = targets[jump.target], members[jump.target]
    told = {Verdict.DENY: denied(tier, jump, targets), Verdict.PASS: passed(tier, jump, targets)}
    both = None
    if target.can_deny and target.can_pass and None in told.values() and jump.following is not None:
        both = Difference(jump.entered, (jump.accepted, jump.following))
    return PolicyStep(
        name=target.label,
        chain=jump.target,
        is_group=jump.target.startswith(_GROUP_TARGETS),
        members=policies,
        entered=counts.rule(jump.entered),
        accepted=counts.rule(jump.accepted),
        denied=_part_of(policies, Verdict.DENY, told[Verdict.DENY], counts),
        passed=_part_of(policies, Verdict.PASS, told[Verdict.PASS], counts),
        denied_or_passed=counts.difference(both) if both else None,
    )


def _part_of(
    policies: Sequence[PolicyTotals], verdict: Verdict, difference: Difference | None, counts: ChainCounts
) -> Count | None:
    """The difference, which is part of what the policies' own rules counted for the whole node where they are there."""
    if difference is None:
        return None
    if not all(policy.is_whole for policy in policies):
        return counts.difference(difference)
    node = sum(policy.verdicts[verdict].total.packets for policy in policies if verdict in policy.verdicts)
    return at_most(counts.difference(difference), node)


def _profiles(rules: Sequence[Rule | None], chains: Mapping[str, Chain], counts: ChainCounts) -> Iterator[ProfileStep]:
    """Each profile's jump, with the line after it that returns what the profile accepted."""
    for place, rule in enumerate(rules):
        if rule is None or not rule.target or not rule.target.startswith(_PROFILE_TARGETS):
            continue
        after = rules[place + 1] if place + 1 < len(rules) else None
        if after and after.target == "RETURN" and after.mark and after.mark.all_set:
            name = _profile_name(rule.target, chains.get(rule.target))
            yield ProfileStep(name, rule.target, counts.rule(place), counts.rule(place + 1))


def _profile_name(chain_name: str, chain: Chain | None) -> str:
    """What the chain's own name holds; where that is hashed, the name in the chain's first comment (v3.22+)."""
    prefix = next(prefix for prefix in _PROFILE_TARGETS if chain_name.startswith(prefix))
    if not chain_name.startswith(prefix + "_"):
        return chain_name.removeprefix(prefix)
    first = chain.layout.rules[0] if chain and chain.layout.rules else None
    match = _PROFILE_COMMENT.fullmatch(first.comments[-1]) if first and first.comments else None
    return match[1] if match else chain_name
