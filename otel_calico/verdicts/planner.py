"""Makes and keeps the plan of one ruleset. No I/O; remembers what it planned, to plan only what changed.

What depends on what, and so what is planned anew:

* an endpoint chain's plan on its layout, its workload, and the targets it jumps to;
* a target (policy or group chain) on its layout, the marks and tiers that endpoint chains show, and the lookups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.chains import GROUP_PREFIXES, HOST_ENDPOINT_PREFIXES, POLICY_PREFIXES, WORKLOAD_PREFIXES
from otel_calico.lookups import Lookups
from otel_calico.metrics import DEFAULT_FAMILIES
from otel_calico.model import Direction, IPVersion
from otel_calico.ruleset.ruleset import Layout, Ruleset
from otel_calico.verdicts.accountant import plan_accountant
from otel_calico.verdicts.endpoint_chain import EndpointChain, TierBlock, read_endpoint_chain
from otel_calico.verdicts.plan import EndpointPlan, RulesetPlan
from otel_calico.verdicts.shared_chains import SharedChains, read_shared_chains
from otel_calico.verdicts.targets import Target
from otel_calico.verdicts.workload_family import ExtraAttributes, plan_workload
from otel_calico.verdicts.workloads import Workload, workloads_of

_ENDPOINT_PREFIXES = (*WORKLOAD_PREFIXES.values(), *HOST_ENDPOINT_PREFIXES)
_TARGET_PREFIXES = (*POLICY_PREFIXES.values(), *GROUP_PREFIXES.values())

_Layouts = Mapping[str, Layout]


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """Which series are planned and how they are labelled.

    `app_labels` are the pod labels tried in order for the label `app`; `extra` is for family `workload`.
    """

    families: Collection[str] = DEFAULT_FAMILIES
    app_labels: Sequence[str] = ("app",)
    extra: ExtraAttributes = field(default_factory=ExtraAttributes)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan, and everything it was made from."""

    layout: Layout
    workload: Workload
    targets: tuple[Target | None, ...]
    plan: EndpointPlan


class Planner:
    """Plans the rulesets of one IP version, scan after scan."""

    def __init__(self, ip_version: IPVersion, lookups: Lookups, choice: SeriesChoice) -> None:
        self._ip_version = ip_version
        self._lookups = lookups
        self._choice = choice
        self._made_from: tuple[_Layouts, _Layouts, int] = ({}, {}, -1)
        self._read: dict[str, tuple[Layout, EndpointChain]] = {}
        self._shared = SharedChains()
        self._planned: dict[str, _Planned] = {}
        self._layouts: _Layouts = {}
        self._declared = ""
        self._empty: _Layouts = {}
        self._plan = RulesetPlan()

    def plan(self, ruleset: Ruleset) -> RulesetPlan:
        """The plan of this scan. The same object as before where nothing changed, and so are its parts."""
        version = self._lookups.version
        if ruleset.layouts is self._layouts and ruleset.declared == self._declared and version == self._made_from[2]:
            return self._plan
        shared = {**_layouts(ruleset, _TARGET_PREFIXES), **self._empty_layouts(ruleset)}
        endpoints = _layouts(ruleset, _ENDPOINT_PREFIXES)
        made_from = (shared, endpoints, version)
        if made_from != self._made_from:
            self._read_endpoints(endpoints)
            chains = [chain for _, chain in self._read.values()]
            self._shared = read_shared_chains(shared, chains, self._lookups)
            self._plan = self._assemble(endpoints)
            self._made_from = made_from
        self._layouts = ruleset.layouts
        return self._plan

    def _empty_layouts(self, ruleset: Ruleset) -> _Layouts:
        if ruleset.declared != self._declared:
            names = [name for name in ruleset.empty_chains() if name.startswith(_TARGET_PREFIXES)]
            self._empty = {name: self._empty.get(name) or Layout(name, (), {}) for name in names}
            self._declared = ruleset.declared
        return self._empty

    def _read_endpoints(self, endpoints: _Layouts) -> None:
        former, self._read = self._read, {}
        alike: dict[
            tuple[int, ...], EndpointChain
        ] = {}  # pods of one kind have the same rules, which are shared objects
        for name, layout in endpoints.items():
            if name in former and former[name][0] is layout:
                self._read[name] = former[name]
                continue
            rules = tuple(map(id, layout.rules))
            if rules not in alike:
                alike[rules] = read_endpoint_chain(layout.rules)
            self._read[name] = layout, alike[rules]

    def _assemble(self, endpoints: _Layouts) -> RulesetPlan:
        """Plan every workload's chain; chains of host endpoints have no series of their own."""
        places = {name: place for name in endpoints if (place := _workload_chain(name))}
        workloads = workloads_of({interface for _, interface in places.values()}, self._lookups, self._ip_version)
        former, self._planned = self._planned, {}
        for name, place in places.items():
            if place in workloads:
                self._planned[name] = self._plan_endpoint(name, workloads[place], former.get(name))
        return RulesetPlan(
            endpoints={name: planned.plan for name, planned in self._planned.items()},
            policies=self._shared.policies,
            groups=self._shared.groups,
            interfaces_without_workload=tuple(
                dict.fromkeys(place[1] for place in places.values() if place not in workloads)
            ),
        )

    def _plan_endpoint(self, name: str, workload: Workload, former: _Planned | None) -> _Planned:
        layout, chain = self._read[name]
        targets = tuple(map(self._shared.targets.get, chain.targets))
        if former and (former.layout, former.workload, former.targets) == (layout, workload, targets):
            return former
        return _Planned(layout, workload, targets, self._make_plan(chain, workload))

    def _make_plan(self, chain: EndpointChain, workload: Workload) -> EndpointPlan:
        targets = self._shared.targets
        tiers = [_without_missing(tier, targets) for tier in chain.tiers]
        plan = EndpointPlan()
        if "accountant" in self._choice.families:
            plan += plan_accountant(tiers, workload, targets, self._choice.app_labels)
        if "workload" in self._choice.families:
            plan += plan_workload(chain, tiers, workload, targets, self._choice.extra)
        return plan


def _layouts(ruleset: Ruleset, prefixes: tuple[str, ...]) -> _Layouts:
    return {name: chain.layout for name, chain in ruleset.chains.items() if name.startswith(prefixes)}


def _workload_chain(name: str) -> tuple[Direction, str] | None:
    """Direction and interface of a workload's chain."""
    for direction, prefix in WORKLOAD_PREFIXES.items():
        if name.startswith(prefix):
            return direction, name[len(prefix) :]
    return None


def _without_missing(tier: TierBlock, targets: Mapping[str, Target]) -> TierBlock:
    """The tier without jumps to chains that do not exist."""
    return TierBlock(tier.tier, tuple(jump for jump in tier.jumps if jump.target in targets), tier.drop, tier.leaving)
