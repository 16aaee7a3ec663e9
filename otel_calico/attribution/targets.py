"""The chains that endpoint chains jump to: policies, groups and profiles, with what their rules can decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otel_calico.attribution.endpoint_chain import PolicyJump, TierBlock
from otel_calico.attribution.plan import GroupPlan, PolicyPlan, ProfilePlan
from otel_calico.calico.model import Verdict

_LONGEST_GROUP_LABEL = 200  # characters; groups of dozens of policies would make a label nobody can read


@dataclass(frozen=True, slots=True)
class Target:
    """A policy, group or profile chain: its name in labels, and what its rules can do; if nobody read them, anything.

    `tier` is empty where no endpoint chain jumps to it. `members` are those of a group, in order of evaluation.
    """

    label: str
    tier: str
    can_allow: bool
    can_deny: bool
    can_pass: bool
    members: tuple[PolicyPlan, ...] = ()


Targets = Mapping[str, Target]
"""Targets by chain."""


def targets_of(
    policies: Mapping[str, PolicyPlan],
    groups: Mapping[str, GroupPlan],
    profiles: Mapping[str, ProfilePlan],
    tiers: Mapping[str, str],
) -> Targets:
    """The targets that these policies, groups and profiles are, those of policies in the tiers of their chains."""
    return {
        **{name: _policy_target(policy, tiers.get(name, "")) for name, policy in policies.items()},
        **{name: _group_target(group, tiers.get(name, "")) for name, group in groups.items()},
        **{name: _profile_target(profile) for name, profile in profiles.items()},
    }


def known_jumps(tier: TierBlock, targets: Targets) -> Iterator[tuple[PolicyJump, Target]]:
    """The jumps of a tier with what is known of their targets; those to unknown chains are left out."""
    for jump in tier.jumps:
        if (target := targets.get(jump.target)) is not None:
            yield jump, target


def _policy_target(policy: PolicyPlan, tier: str) -> Target:
    may = policy.may
    return Target(policy.label, tier, may(Verdict.ALLOW), may(Verdict.DENY), may(Verdict.PASS))


def _profile_target(profile: ProfilePlan) -> Target:
    can = profile.verdicts.can
    return Target(profile.name, "", can(Verdict.ALLOW), can(Verdict.DENY), can(Verdict.PASS))


def _group_target(group: GroupPlan, tier: str) -> Target:
    targets = [_policy_target(member, tier) for member in group.members]
    return Target(
        label=_group_label(group),
        tier=tier,
        can_allow=group.is_missing or any(target.can_allow for target in targets),
        can_deny=group.is_missing or any(target.can_deny for target in targets),
        can_pass=group.is_missing or any(target.can_pass for target in targets),
        members=group.members,
    )


def _group_label(group: GroupPlan) -> str:
    """Members in order, joined with commas; a very long list is cut and ends with the chain's name.

    A group without members goes by its chain's name.
    """
    names = [member.label for member in group.members] or [group.chain]
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
