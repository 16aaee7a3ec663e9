"""Reads one endpoint chain into the path of a packet through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_calico.attribution.denies import denied, passed
from otel_calico.attribution.endpoint_chain import EndpointChain, OtherDrop, PolicyJump, TierBlock, read_endpoint_chain
from otel_calico.attribution.planned_series import Difference
from otel_calico.attribution.profiles import profile_name
from otel_calico.attribution.targets import Targets, known_jumps
from otel_calico.attribution.tiers import tier_of
from otel_calico.calico.chains import GROUP_PREFIXES
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

_GROUP_TARGETS = tuple(GROUP_PREFIXES.values())

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
        profiles=tuple(_profiles(chain, chains, counts, targets)),
        drops=tuple(_drop(drop, rules[drop.rule], counts) for drop in chain.other_drops),
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


def _profiles(
    chain: EndpointChain, chains: Mapping[str, Chain], counts: ChainCounts, targets: Targets
) -> Iterator[ProfileStep]:
    for jump in chain.profiles:
        profile = targets.get(jump.target)
        own = chains.get(jump.target)
        yield ProfileStep(
            name=profile.label if profile else profile_name(jump.target, own.layout if own else None),
            chain=jump.target,
            entered=counts.rule(jump.entered),
            accepted=counts.rule(jump.accepted),
            denied=counts.difference(jump.denied) if jump.denied and (not profile or profile.can_deny) else None,
        )


def _drop(drop: OtherDrop, rule: Rule | None, counts: ChainCounts) -> DropStep:
    said = f"number {drop.detail}, {_said(rule)}" if rule and drop.reason == "other" else ""
    return DropStep(drop.reason, drop.detail, counts.rule(drop.rule), said)


def _said(rule: Rule) -> str:
    """What a rule does and says of itself."""
    comments = ", ".join(f'"{comment}"' for comment in rule.comments)
    return f"{rule.target} with the comment {comments}" if comments else f"{rule.target} without a comment"
