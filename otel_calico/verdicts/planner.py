"""Makes and keeps the plan of one ruleset. No I/O; remembers what it planned, to plan only what changed.

What depends on what, and so what is planned anew:

* an endpoint chain's plan on its layout, its workload's labels, and the targets it jumps to;
* a target (policy or group chain) on its layout, the marks and tiers that endpoint chains show, and the lookups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.chains import GROUP_PREFIXES, HOST_ENDPOINT_PREFIXES, POLICY_PREFIXES, WORKLOAD_PREFIXES
from otel_calico.lookups import Lookups
from otel_calico.model import Direction, IPVersion, Verdict
from otel_calico.ruleset.ruleset import Layout, Ruleset
from otel_calico.series import Labels
from otel_calico.verdicts.endpoint_chain import EndpointChain, read_endpoint_chain
from otel_calico.verdicts.endpoint_plan import Target, Targets, plan_endpoint
from otel_calico.verdicts.naming import PolicyNaming, id_scheme
from otel_calico.verdicts.plan import EndpointPlan, GroupPlan, PolicyPlan, RulesetPlan
from otel_calico.verdicts.policy_chain import Marks, direction_of, infer_marks, read_group_chain, read_policy_chain
from otel_calico.verdicts.workloads import TYPES, workload_labels

_ENDPOINT_PREFIXES = (*WORKLOAD_PREFIXES.values(), *HOST_ENDPOINT_PREFIXES)
_TARGET_PREFIXES = (*POLICY_PREFIXES.values(), *GROUP_PREFIXES.values())
_LONGEST_GROUP_LABEL = 200  # characters; groups of dozens of policies would make a label nobody can read


@dataclass(slots=True)
class _Shared:
    """What all endpoint chains of a ruleset share, and what it was made from."""

    layouts: Mapping[str, Layout] = field(default_factory=dict)
    endpoints: Mapping[str, Layout] = field(default_factory=dict)
    lookups_version: int = -1
    policies: Mapping[str, PolicyPlan] = field(default_factory=dict)
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    targets: Targets = field(default_factory=dict)
    workloads: Mapping[tuple[Direction, str], Labels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Planned:
    layout: Layout
    workload: Labels
    targets: tuple[Target | None, ...]
    plan: EndpointPlan


class Planner:
    """Plans the rulesets of one IP version, scan after scan."""

    def __init__(self, ip_version: IPVersion, lookups: Lookups, app_labels: Sequence[str]) -> None:
        self._ip_version = ip_version
        self._lookups = lookups
        self._app_labels = tuple(app_labels)
        self._read: dict[str, tuple[Layout, EndpointChain]] = {}
        self._planned: dict[str, _Planned] = {}
        self._declared = ""
        self._empty: Mapping[str, Layout] = {}
        self._shared = _Shared()
        self._plan = RulesetPlan()

    def plan(self, ruleset: Ruleset) -> RulesetPlan:
        """The plan of this scan. The same object as before where nothing changed, and so are its parts."""
        layouts = {**_layouts(ruleset, _TARGET_PREFIXES), **self._empty_layouts(ruleset)}
        endpoints = _layouts(ruleset, _ENDPOINT_PREFIXES)
        version = self._lookups.version
        shared = self._shared
        if (layouts, endpoints, version) == (shared.layouts, shared.endpoints, shared.lookups_version):
            return self._plan
        self._read_endpoints(endpoints)
        self._shared = self._share(layouts, endpoints, version)
        self._plan = self._assemble(endpoints)
        return self._plan

    def _empty_layouts(self, ruleset: Ruleset) -> Mapping[str, Layout]:
        if ruleset.declared != self._declared:
            names = [name for name in ruleset.empty_chains() if name.startswith(_TARGET_PREFIXES)]
            self._empty = {name: self._empty.get(name) or Layout(name, (), {}) for name in names}
            self._declared = ruleset.declared
        return self._empty

    def _read_endpoints(self, endpoints: Mapping[str, Layout]) -> None:
        former = self._read
        self._read = {
            name: former[name]
            if name in former and former[name][0] is layout
            else (layout, read_endpoint_chain(layout.rules))
            for name, layout in endpoints.items()
        }

    def _share(self, layouts: Mapping[str, Layout], endpoints: Mapping[str, Layout], version: int) -> _Shared:
        chains = [chain for _, chain in self._read.values()]
        tiers = {jump.target: tier.tier for chain in chains for tier in chain.tiers for jump in tier.jumps}
        groups = {name: read_group_chain(layout.rules) for name, layout in layouts.items() if not direction_of(name)}
        tiers |= {member: tiers[group] for group, members in groups.items() if group in tiers for member in members}
        policies = self._name_policies(layouts, tiers, chains)
        plans = {
            name: GroupPlan(name, tuple(policies[member] for member in members if member in policies))
            for name, members in groups.items()
        }
        return _Shared(
            layouts=layouts,
            endpoints=endpoints,
            lookups_version=version,
            policies=policies,
            groups=plans,
            targets={name: _policy_target(policy) for name, policy in policies.items()}
            | {name: _group_target(group) for name, group in plans.items()},
            workloads=self._label_workloads(endpoints),
        )

    def _name_policies(
        self, layouts: Mapping[str, Layout], tiers: Mapping[str, str], chains: Sequence[EndpointChain]
    ) -> Mapping[str, PolicyPlan]:
        policy_chains = {name: layout for name, layout in layouts.items() if direction_of(name)}
        marks = infer_marks(
            (chain.accept_mark for chain in chains if chain.accept_mark),
            (chain.pass_mark for chain in chains if chain.pass_mark),
        )
        scheme = id_scheme(policy_chains, names_tiers=any(chain.names_tiers for chain in chains))
        naming = PolicyNaming(scheme, tiers, self._lookups)
        return {name: _plan_policy(layout, naming, marks) for name, layout in policy_chains.items()}

    def _label_workloads(self, endpoints: Mapping[str, Layout]) -> Mapping[tuple[Direction, str], Labels]:
        interfaces = {interface: None for _, interface in map(_workload_of, endpoints) if interface}
        extra = {"ip_version": "6"} if self._ip_version is IPVersion.V6 else {}
        return {
            (direction, interface): {**labels, "type": TYPES[direction], **extra}
            for interface, labels in workload_labels(interfaces, self._lookups, self._app_labels).items()
            for direction in Direction
        }

    def _assemble(self, endpoints: Mapping[str, Layout]) -> RulesetPlan:
        former, self._planned = self._planned, {}
        unknown: dict[str, None] = {}
        for name, layout in endpoints.items():
            direction, interface = _workload_of(name)
            if direction is None:
                continue
            workload = self._shared.workloads.get((direction, interface))
            if workload is None:
                unknown[interface] = None
                continue
            self._planned[name] = self._plan_endpoint(name, layout, workload, former.get(name))
        return RulesetPlan(
            endpoints={name: planned.plan for name, planned in self._planned.items()},
            policies=self._shared.policies,
            groups=self._shared.groups,
            interfaces_without_workload=tuple(unknown),
        )

    def _plan_endpoint(self, name: str, layout: Layout, workload: Labels, former: _Planned | None) -> _Planned:
        chain = self._read[name][1]
        targets = tuple(map(self._shared.targets.get, chain.targets))
        if former and (former.layout, former.workload, former.targets) == (layout, workload, targets):
            return former
        return _Planned(layout, workload, targets, plan_endpoint(chain, workload, self._shared.targets))


def _layouts(ruleset: Ruleset, prefixes: tuple[str, ...]) -> Mapping[str, Layout]:
    return {name: chain.layout for name, chain in ruleset.chains.items() if name.startswith(prefixes)}


def _workload_of(chain: str) -> tuple[Direction | None, str]:
    for direction, prefix in WORKLOAD_PREFIXES.items():
        if chain.startswith(prefix):
            return direction, chain[len(prefix) :]
    return None, ""


def _plan_policy(layout: Layout, naming: PolicyNaming, marks: Marks) -> PolicyPlan:
    direction = direction_of(layout.name) or Direction.INGRESS
    return PolicyPlan(layout.name, naming.name(layout), read_policy_chain(direction, layout.rules, marks))


def _policy_target(policy: PolicyPlan) -> Target:
    verdicts = policy.verdicts
    return Target(policy.label, verdicts.can(Verdict.DENY), verdicts.can(Verdict.PASS))


def _group_target(group: GroupPlan) -> Target:
    targets = [_policy_target(member) for member in group.members]
    return Target(
        label=_group_label(group),
        can_deny=any(target.can_deny for target in targets),
        can_pass=any(target.can_pass for target in targets),
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
