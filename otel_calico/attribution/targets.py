"""What endpoint chains need to know of the policy and group chains that they jump to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otel_calico.attribution.endpoint_chain import PolicyJump, TierBlock
from otel_calico.attribution.plan import GroupPlan, PolicyPlan
from otel_calico.calico.model import Verdict

_LONGEST_GROUP_LABEL = 200  # characters; groups of dozens of policies would make a label nobody can read


@dataclass(frozen=True, slots=True)
class Target:
    """A policy or group chain: its value of `policy` labels, and what its rules can do.

    `members` are those of a group, in order of evaluation.
    """

    label: str
    can_allow: bool
    can_deny: bool
    can_pass: bool
    members: tuple[PolicyPlan, ...] = ()


Targets = Mapping[str, Target]
"""Targets by chain."""


def targets_of(policies: Mapping[str, PolicyPlan], groups: Mapping[str, GroupPlan]) -> Targets:
    """The targets that these policies and groups are."""
    return {name: _policy_target(policy) for name, policy in policies.items()} | {
        name: _group_target(group) for name, group in groups.items()
    }


def known_jumps(tier: TierBlock, targets: Targets) -> Iterator[tuple[PolicyJump, Target]]:
    """The jumps of a tier with what is known of their targets; those to unknown chains are left out."""
    for jump in tier.jumps:
        if (target := targets.get(jump.target)) is not None:
            yield jump, target


def _policy_target(policy: PolicyPlan) -> Target:
    verdicts = policy.verdicts
    can = verdicts.can
    return Target(policy.label, can(Verdict.ALLOW), can(Verdict.DENY), can(Verdict.PASS))


def _group_target(group: GroupPlan) -> Target:
    targets = [_policy_target(member) for member in group.members]
    return Target(
        label=_group_label(group),
        can_allow=any(target.can_allow for target in targets),
        can_deny=any(target.can_deny for target in targets),
        can_pass=any(target.can_pass for target in targets),
        members=group.members,
    )


def _group_label(group: GroupPlan) -> str:
    """Members in order, joined with commas; a very long list is cut and ends with the chain's name."""
    names = [member.label for member in group.members]
    label = ",".join(names)
    if len(label) <= _LONGEST_GROUP_LABEL:
        return label
    room = _LONGEST_GROUP_LABEL - len(group.chain)
    kept: list[str] = []
    for name in names:
        room -= len(name) + 1
        if room < 0:
            break
        kept.append(name)
    return ",".join([*kept, group.chain])
