"""Reads the chains that all endpoints of a ruleset share: policies and groups, named. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from otel_calico.attribution.endpoint_chain import EndpointChain
from otel_calico.attribution.naming import PolicyNaming, id_scheme
from otel_calico.attribution.plan import GroupPlan, PolicyPlan
from otel_calico.attribution.policy_chain import Marks, direction_of, infer_marks, read_group_chain, read_policy_chain
from otel_calico.attribution.targets import Targets, targets_of
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.ruleset.ruleset import Layout

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SharedChains:
    """Policies and groups by chain, and what endpoint chains need to know of them."""

    policies: Mapping[str, PolicyPlan] = field(default_factory=dict)
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    targets: Targets = field(default_factory=dict)


def read_shared_chains(
    layouts: Mapping[str, Layout], endpoints: Sequence[EndpointChain], lookups: Lookups, failed: FailedParts
) -> SharedChains:
    """Read policy and group chains. The endpoint chains tell the marks, the tiers and the scheme of ids."""
    group_chains = {name: layout for name, layout in layouts.items() if not direction_of(name)}
    policy_chains = {name: layout for name, layout in layouts.items() if direction_of(name)}
    members = _read_each(group_chains, failed, lambda layout: read_group_chain(layout.rules))
    naming = PolicyNaming(
        scheme=id_scheme(policy_chains, names_tiers=any(chain.names_tiers for chain in endpoints)),
        tiers=_tiers(endpoints, members),
        lookups=lookups,
    )
    marks = infer_marks(
        (chain.accept_mark for chain in endpoints if chain.accept_mark),
        (chain.pass_mark for chain in endpoints if chain.pass_mark),
    )
    policies = _read_each(policy_chains, failed, lambda layout: _plan_policy(layout, naming, marks))
    # Of a group that jumps to what nobody knows, nobody can say what it did.
    whole = {name: jumps for name, jumps in members.items() if jumps.keys() <= policies.keys()}
    groups = {name: _plan_group(name, jumps, policies) for name, jumps in whole.items()}
    return SharedChains(policies, groups, targets_of(policies, groups))


def _read_each(layouts: Mapping[str, Layout], failed: FailedParts, read: Callable[[Layout], _T]) -> Mapping[str, _T]:
    found = {name: failed.attempt(ScanPart.POLICY_CHAIN, name, read, layout) for name, layout in layouts.items()}
    return {name: one for name, one in found.items() if one is not None}


def _tiers(endpoints: Sequence[EndpointChain], members: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """The tier in which each policy chain is jumped to, directly or through a group."""
    tiers = {jump.target: tier.tier for chain in endpoints for tier in chain.tiers for jump in tier.jumps}
    inside = {member: tiers[group] for group, chains in members.items() if group in tiers for member in chains}
    return tiers | inside


def _plan_group(name: str, jumps: Mapping[str, int], policies: Mapping[str, PolicyPlan]) -> GroupPlan:
    return GroupPlan(name, tuple(policies[member] for member in jumps), tuple(jumps.values()))


def _plan_policy(layout: Layout, naming: PolicyNaming, marks: Marks) -> PolicyPlan:
    direction = direction_of(layout.name) or Direction.INGRESS
    return PolicyPlan(layout.name, naming.name(layout), read_policy_chain(direction, layout.rules, marks))
