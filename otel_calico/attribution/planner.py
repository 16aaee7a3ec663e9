"""Makes the plan of one ruleset, and plans anew only what changed since the scan before.

What depends on what, and so what is planned anew:

* an endpoint chain's plan on its layout, its workload, and the targets it jumps to;
* a target (policy or group chain) on its layout, the marks and tiers that endpoint chains show, and the lookups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from otel_calico.attribution.accountant import workload_labels
from otel_calico.attribution.chain_owners import ChainOwners, find_owners
from otel_calico.attribution.endpoint_chain import EndpointChain, read_endpoint_chain
from otel_calico.attribution.group_shares import group_jumps
from otel_calico.attribution.host_endpoints import HostTraffic, host_attributes
from otel_calico.attribution.node_drops import NodeDropsReader
from otel_calico.attribution.patterns import Patterns
from otel_calico.attribution.plan import EndpointPlan, GroupJump, RulesetPlan
from otel_calico.attribution.rule_family import RulePlanner
from otel_calico.attribution.shared_chains import SharedChains, read_shared_chains
from otel_calico.attribution.targets import Target
from otel_calico.attribution.tiers import contradicted, tier_of
from otel_calico.attribution.workload_family import ExtraAttributes, workload_attributes
from otel_calico.attribution.workloads import Workload, WorkloadFilter
from otel_calico.calico.chains import (
    GROUP_PREFIXES,
    HOST_ENDPOINT_PREFIXES,
    POLICY_PREFIXES,
    PROFILE_PREFIXES,
    WORKLOAD_PREFIXES,
)
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind, RulesetKey
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.metrics import DEFAULT_FAMILIES
from otel_calico.ruleset.ruleset import Layout, Ruleset

_ENDPOINT_PREFIXES = (*WORKLOAD_PREFIXES.values(), *HOST_ENDPOINT_PREFIXES)
_TARGET_PREFIXES = (*POLICY_PREFIXES.values(), *GROUP_PREFIXES.values(), *PROFILE_PREFIXES.values())
_GROUP_CHAINS = tuple(GROUP_PREFIXES.values())
_CALICO_PREFIXES = ("cali-",)

_Layouts = Mapping[str, Layout]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a plan is made from.

    The chains that endpoint chains jump to, the endpoint chains, Calico's other chains; the version of the lookups.
    """

    shared: _Layouts = field(default_factory=dict)
    endpoints: _Layouts = field(default_factory=dict)
    others: _Layouts = field(default_factory=dict)
    version: int = -1


_NOTHING = _Basis()

_TargetsInOrder = tuple[Target | None, ...]


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """Which series are planned and how they are labelled.

    `workloads` are those that have series of their own; `app_labels` are the pod labels tried in order for the label
    `app`; `extra` is for family `workload`.
    """

    families: Collection[str] = DEFAULT_FAMILIES
    app_labels: Sequence[str] = ("app",)
    extra: ExtraAttributes = field(default_factory=ExtraAttributes)
    workloads: WorkloadFilter = field(default_factory=WorkloadFilter)


@dataclass(frozen=True, slots=True)
class _PlannedEndpoint:
    """A plan, and everything it was made from."""

    layout: Layout
    owner: Workload | HostTraffic
    targets: tuple[Target | None, ...]
    plan: EndpointPlan

    def holds(self, layout: Layout, owner: Workload | HostTraffic, targets: tuple[Target | None, ...]) -> bool:
        """True if it would be made from these again; most are the same objects."""
        return self.layout is layout and (self.targets, self.owner) == (targets, owner)


class Planner:
    """Plans the rulesets of one table, scan after scan."""

    def __init__(self, key: RulesetKey, lookups: Lookups, choice: SeriesChoice) -> None:
        self._key = key
        self._lookups = lookups
        self._choice = choice
        self._made_from = _NOTHING
        self._read: dict[str, tuple[Layout, EndpointChain]] = {}
        self._shared = SharedChains()
        self._rules = RulePlanner(key)
        self._node_drops = NodeDropsReader(key)
        self._owners = ChainOwners()
        self._planned: dict[str, _PlannedEndpoint] = {}
        self._layouts: _Layouts = {}
        self._declared = ""
        self._empty: dict[str, Layout] = {}
        self._plan = RulesetPlan()

    def plan(self, ruleset: Ruleset) -> RulesetPlan:
        """The plan of this scan. The same object as before where nothing changed, and so are its parts."""
        version = self._lookups.version
        if (
            ruleset.layouts is self._layouts
            and ruleset.declared == self._declared
            and version == self._made_from.version
        ):
            return self._plan
        basis = self._basis(ruleset, version)
        if basis != self._made_from:
            failed = FailedParts()
            self._read_endpoints(basis.endpoints, failed)
            chains = {id(chain): chain for _, chain in self._read.values()}  # pods of one kind share theirs
            self._shared = read_shared_chains(basis.shared, list(chains.values()), self._lookups, failed)
            missing = ruleset.missing_chains().union(self._shared.missing)
            self._plan = replace(self._assemble(basis, failed), missing_chains=tuple(sorted(missing)))
            # What failed is tried again with the next scan.
            self._made_from = basis if not failed.found else _NOTHING
        self._layouts = ruleset.layouts
        return self._plan

    def _basis(self, ruleset: Ruleset, version: int) -> _Basis:
        shared: dict[str, Layout] = {}
        endpoints: dict[str, Layout] = {}
        others: dict[str, Layout] = {}
        for name, chain in ruleset.chains.items():
            if name.startswith(_ENDPOINT_PREFIXES):
                endpoints[name] = chain.layout
            elif name.startswith(_TARGET_PREFIXES):
                shared[name] = chain.layout
            elif name.startswith(_CALICO_PREFIXES):
                others[name] = chain.layout
        return _Basis(shared | self._empty_layouts(ruleset), endpoints, others, version)

    def _empty_layouts(self, ruleset: Ruleset) -> dict[str, Layout]:
        """Of the chains without rules. A declaration does not tell whether its chain has any."""
        names = [name for name in ruleset.empty_chains() if name.startswith(_TARGET_PREFIXES)]
        self._empty = {name: self._empty.get(name) or Layout(name) for name in names}
        self._declared = ruleset.declared
        return self._empty

    def _read_endpoints(self, endpoints: _Layouts, failed: FailedParts) -> None:
        former, self._read = self._read, {}
        alike: dict[int, EndpointChain] = {}  # pods of one kind share their rules
        for name, layout in endpoints.items():
            if name in former and former[name][0] is layout:
                self._read[name] = former[name]
                continue
            chain = alike.get(id(layout.rules))
            chain = chain or failed.attempt(ScanPart.ENDPOINT_CHAIN, name, read_endpoint_chain, layout.rules)
            if chain:
                alike[id(layout.rules)] = chain
                self._read[name] = layout, chain

    def _assemble(self, basis: _Basis, failed: FailedParts) -> RulesetPlan:
        """Plan the chains of the chosen workloads and, for the families that have them, of hosts and policies."""
        families, endpoints = self._choice.families, basis.endpoints
        if endpoints.keys() != self._owners.chains or self._lookups.version != self._made_from.version:
            of_hosts = "workload" in families
            self._owners = find_owners(endpoints, self._lookups, self._key, self._choice.workloads, of_hosts=of_hosts)
        former, self._planned = self._planned, {}
        patterns = Patterns(self._shared.targets)
        targets: dict[int, _TargetsInOrder] = {}  # by EndpointChain, which pods of one kind share
        for name, owner in self._owners.of.items():
            if name not in self._read:  # it failed
                continue
            layout, chain = self._read[name]
            known = former.get(name)
            if id(chain) not in targets:
                targeted = (*chain.targets, *(jump.target for jump in chain.profiles))
                own = tuple(map(self._shared.targets.get, targeted))
                targets[id(chain)] = known.targets if known and known.targets == own else own
            if not known or not known.holds(layout, owner, targets[id(chain)]):
                plan = failed.attempt(ScanPart.ENDPOINT_CHAIN, name, self._make_plan, chain, owner, patterns)
                known = _PlannedEndpoint(layout, owner, targets[id(chain)], plan) if plan else None
            if known:
                self._planned[name] = known
        rules = self._rules.plan(self._shared.policies, basis.shared, failed) if "rule" in families else {}
        jumps = self._group_jumps(failed) if "workload" in families else {}
        return RulesetPlan(
            endpoints={name: planned.plan for name, planned in self._planned.items()},
            rules=rules,
            policies=self._shared.policies,
            groups=self._shared.groups,
            profiles=self._shared.profiles,
            group_jumps=jumps,
            interfaces_without_workload=self._owners.unknown,
            tiers=self._shared.tiers,
            contradicted_tiers=tuple(self._contradicted_tiers()),
            workloads_without_chains=self._owners.without_chains,
            chains_without_name=tuple(chain for chain, policy in self._shared.policies.items() if policy.name is None),
            node_drops=self._node_drops.read(self._chains_of_nobody(basis)),
            failed=tuple(failed.found),
            kinds_needed=frozenset[PolicyKind]().union(
                *(policy.possible_kinds for policy in self._shared.policies.values())
            ),
        )

    def _chains_of_nobody(self, basis: _Basis) -> Iterator[Layout]:
        """Calico's chains whose drops no series of a policy, profile or endpoint tells."""
        yield from basis.others.values()
        yield from (layout for name, layout in basis.shared.items() if name.startswith(_GROUP_CHAINS))
        yield from (basis.endpoints[name] for name in self._owners.unknown_chains)

    def _contradicted_tiers(self) -> Iterator[str]:
        """Where the comment of a tier's start names another tier than its policies: the chain and both names."""
        targets = self._shared.targets
        unlike = {id(chain): chain for _, chain in self._read.values()}
        wrong = {key: blocks for key, one in unlike.items() if (blocks := contradicted(one.tiers, targets))}
        for name, (_, chain) in self._read.items() if wrong else ():
            for block in wrong.get(id(chain), ()):
                yield f"{name}: {tier_of(block, targets)}, not {block.started}"

    def _group_jumps(self, failed: FailedParts) -> Mapping[str, tuple[GroupJump, ...]]:
        """Jumps of every chain, known or not: the members of a group count what came through any of them."""
        found = {
            name: failed.attempt(ScanPart.ENDPOINT_CHAIN, name, group_jumps, chain.tiers, self._shared.targets)
            for name, (_, chain) in self._read.items()
        }
        return {name: jumps for name, jumps in found.items() if jumps}

    def _make_plan(self, chain: EndpointChain, owner: Workload | HostTraffic, patterns: Patterns) -> EndpointPlan:
        if isinstance(owner, HostTraffic):
            return patterns.workload(chain).labelled(host_attributes(owner))
        plan = EndpointPlan()
        if "accountant" in self._choice.families:
            plan += patterns.accountant(chain).labelled(workload_labels(owner, self._choice.app_labels))
        if "workload" in self._choice.families:
            plan += patterns.workload(chain).labelled(workload_attributes(owner, self._choice.extra))
        return plan
