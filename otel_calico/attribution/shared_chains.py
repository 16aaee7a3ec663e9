"""Reads the chains that all endpoints of a ruleset share: policies and groups, named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TypeVar

from otel_calico.attribution.endpoint_chain import EndpointChain
from otel_calico.attribution.naming import PolicyNaming, id_scheme, is_named
from otel_calico.attribution.plan import GroupPlan, PolicyPlan, ProfilePlan
from otel_calico.attribution.policy_chain import (
    Marks,
    direction_of,
    infer_marks,
    read_group_chain,
    read_policy_chain,
)
from otel_calico.attribution.profiles import PROFILE_TARGETS, profile_name
from otel_calico.attribution.targets import Targets, targets_of
from otel_calico.attribution.tiers import tiers_by_chain
from otel_calico.calico.chains import GROUP_PREFIXES, PROFILE_PREFIXES
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, PolicyKind
from otel_calico.calico.policy_names import PolicyName, canonical
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.ruleset.ruleset import Layout

_T = TypeVar("_T")
_GROUP_CHAINS = tuple(GROUP_PREFIXES.values())


@dataclass(frozen=True, slots=True)
class SharedChains:
    """Policies, groups and profiles by chain, the tiers of the first two, and all as targets of endpoint chains."""

    policies: Mapping[str, PolicyPlan] = field(default_factory=dict)
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    profiles: Mapping[str, ProfilePlan] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)
    targets: Targets = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Chains that others jump to and that the dump does not have."""
        return tuple(name for plans in (self.policies, self.groups) for name, one in plans.items() if one.is_missing)


def read_shared_chains(
    layouts: Mapping[str, Layout], endpoints: Sequence[EndpointChain], lookups: Lookups, failed: FailedParts
) -> SharedChains:
    """Read policy and group chains. The endpoint chains tell the marks, the tiers and the scheme of ids."""
    names_tiers = any(chain.names_tiers for chain in endpoints)
    profile_chains = {name: layout for name, layout in layouts.items() if name.startswith(PROFILE_TARGETS)}
    layouts = {name: layout for name, layout in layouts.items() if name not in profile_chains}
    targets = {target for chain in endpoints for target in chain.targets}
    group_chains = _of_kind(layouts, targets, of_policies=False)
    members = _read_each(group_chains, failed, lambda layout: read_group_chain(layout.rules))
    targets.update(member for jumps in members.values() for member in jumps)
    policy_chains = _of_kind(layouts, targets, of_policies=True)
    # From v3.22 on each policy chain has a rule, and each group chain ever: one without is left over from a cut.
    cut = {name for name in targets if not _of(name, policy_chains, group_chains).rules}
    if not (names_tiers or any(map(is_named, policy_chains.values()))):
        cut -= layouts.keys()

    naming = PolicyNaming(id_scheme(policy_chains, names_tiers=names_tiers), lookups)
    named = _read_each(policy_chains, failed, lambda layout: (naming.name(layout),))
    own = {name: found.tier for name, (found,) in named.items() if found}
    tiers = tiers_by_chain(endpoints, members, own, naming.stored_tier)
    marks = infer_marks(
        (chain.accept_mark for chain in endpoints if chain.accept_mark),
        (chain.pass_mark for chain in endpoints if chain.pass_mark),
    )

    def plan_policy(layout: Layout) -> PolicyPlan:
        (found,) = named[layout.name]
        name = canonical(found.programmed, tiers.get(layout.name)) if found else None
        in_ruleset = found is not None and not found.is_stored
        kinds: Set[PolicyKind] = frozenset() if in_ruleset else naming.possible_kinds(tiers.get(layout.name))
        return replace(_plan_policy(layout, name, marks, is_missing=layout.name in cut), possible_kinds=kinds)

    policies = _read_each({name: policy_chains[name] for name in named}, failed, plan_policy)
    # Of a group that jumps to what failed, nobody can say what it did.
    whole = {name: jumps for name, jumps in members.items() if jumps.keys() <= policies.keys()}
    groups = {name: _plan_group(name, jumps, policies, is_missing=name in cut) for name, jumps in whole.items()}
    profiles = _read_each(profile_chains, failed, lambda layout: _plan_profile(layout, marks))
    return SharedChains(policies, groups, profiles, tiers, targets_of(policies, groups, profiles, tiers))


def _of_kind(layouts: Mapping[str, Layout], targets: Iterable[str], *, of_policies: bool) -> Mapping[str, Layout]:
    """The chains of policies, or those of groups, with an empty one for each target that the dump does not have."""
    missing = {name: Layout(name) for name in sorted(targets) if name not in layouts}
    found = {**layouts, **missing}
    return {name: layout for name, layout in found.items() if (direction_of(name) is not None) == of_policies}


def _of(name: str, *chains: Mapping[str, Layout]) -> Layout:
    return next(layouts[name] for layouts in chains if name in layouts)


def _read_each(layouts: Mapping[str, Layout], failed: FailedParts, read: Callable[[Layout], _T]) -> Mapping[str, _T]:
    found = {name: failed.attempt(ScanPart.POLICY_CHAIN, name, read, layout) for name, layout in layouts.items()}
    return {name: one for name, one in found.items() if one is not None}


def _plan_profile(layout: Layout, marks: Marks) -> ProfilePlan:
    direction = next(way for way, prefix in PROFILE_PREFIXES.items() if layout.name.startswith(prefix))
    return ProfilePlan(profile_name(layout.name, layout), read_policy_chain(direction, layout.rules, marks))


def _plan_policy(layout: Layout, name: PolicyName | None, marks: Marks, *, is_missing: bool) -> PolicyPlan:
    direction = direction_of(layout.name) or Direction.INGRESS
    return PolicyPlan(layout.name, name, read_policy_chain(direction, layout.rules, marks), is_missing)


def _plan_group(
    name: str, jumps: Mapping[str, int], policies: Mapping[str, PolicyPlan], *, is_missing: bool
) -> GroupPlan:
    return GroupPlan(name, tuple(policies[member] for member in jumps), tuple(jumps.values()), is_missing)
