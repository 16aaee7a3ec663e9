"""The endpoints, paths and policies of one node in one scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from otel_calico.accounting.former_drops import FORMER_BACKEND, direction_of, dropping_rules
from otel_calico.attribution.node_drops import UNKNOWN_ENDPOINT
from otel_calico.attribution.plan import PolicyPlan
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.attribution.targets import Targets, targets_of
from otel_calico.calico.chains import host_endpoint_chain, workload_chain
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, RulesetKey, Verdict
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.explain.counts import ChainCounts, Trust
from otel_calico.explain.path import EndpointPath, EndpointTraffic, NodeDrop, PolicyTotals
from otel_calico.explain.reading import Members, read_path
from otel_calico.ruleset.ruleset import Chain
from otel_calico.scanning.scan import Scan


class NodeView:
    """What a scan shows, compared with a former one if there is one."""

    def __init__(
        self, scan: Scan, lookups: Lookups, former: Scan | None = None, interface_prefix: str = "cali"
    ) -> None:
        """`interface_prefix` begins the interfaces of pods whose names Calico's own plugin made."""
        self.scan = scan
        self.former = former
        self.interface_prefix = interface_prefix
        self._lookups = lookups
        self._views = [_RulesetView(ruleset, _former_chains(former, ruleset.key)) for ruleset in scan.rulesets]

    @property
    def seconds(self) -> float:
        """Time between the scans; 0 without a former one."""
        return self.scan.taken - self.former.taken if self.former else 0.0

    @cached_property
    def endpoints(self) -> Sequence[EndpointTraffic]:
        """Every chain of an endpoint, in the order of names, directions and IP versions."""
        found = [
            endpoint
            for view in self._views
            for chain in view.planned.ruleset.chains
            if (endpoint := self._endpoint(chain, view.planned.key))
        ]
        return sorted(found, key=_order)

    def path(self, endpoint: EndpointTraffic) -> EndpointPath:
        """The way of a packet through one chain of `endpoints`."""
        return next(view for view in self._views if view.planned.key == endpoint.key).path(endpoint)

    def paths(self) -> Iterator[EndpointPath]:
        """The ways through all chains."""
        return map(self.path, self.endpoints)

    @cached_property
    def policies(self) -> Sequence[PolicyTotals]:
        """Every policy of the node, by name; a policy with both directions or IP versions has one for each."""
        found = [policy for view in self._views for policy in view.policies.values()]
        return sorted(found, key=lambda policy: (policy.name, policy.direction.value, policy.ip_version or 0))

    @cached_property
    def node_drops(self) -> Sequence[NodeDrop]:
        """What the node dropped that is no policy's and no endpoint's; chains of unknown endpoints have paths.

        What former tables in force dropped is among them.
        """
        found = [drop for view in self._views for drop in view.node_drops() if drop.reason != UNKNOWN_ENDPOINT]
        return [*found, *self._former_drops()]

    @property
    def in_force(self) -> TablesInForce | None:
        """Told where packets pass former tables too."""
        return self.scan.snapshot.report.in_force

    @property
    def without_chains(self) -> Sequence[str]:
        """`NAMESPACE/NAME` of workloads of the datastore that this node's rules have no chain for."""
        return self.scan.snapshot.report.workloads_without_chains

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The policy chains in each group chain, in order."""
        return {
            chain: [member.chain for member in group.members]
            for view in self._views
            for chain, group in view.planned.plan.groups.items()
        }

    def endpoints_of(self, policy: PolicyTotals) -> Iterator[EndpointTraffic]:
        """The endpoints whose packets meet the policy, or a group that it is in."""
        chains = {policy.chain, *(group for group, members in self.groups.items() if policy.chain in members)}
        layouts = {view.planned.key: view.planned.ruleset.layouts for view in self._views}
        for endpoint in self.endpoints:
            if endpoint.key is not None and endpoint.key == policy.key:
                rules = layouts[endpoint.key][endpoint.chain].rules
                if any(rule.target in chains for rule in rules if rule):
                    yield endpoint

    def _former_drops(self) -> Iterator[NodeDrop]:
        looked_before = {(one.backend, one.ip_version): one.now for one in self.former.former} if self.former else {}
        for table in self.scan.former:
            before = looked_before.get((table.backend, table.ip_version))
            for name, chain in table.now.chains.items():
                if rules := dropping_rules(chain.layout):
                    counts = ChainCounts(
                        chain, before.chains.get(name) if before else None, looked_before=before is not None
                    )
                    dropped = counts.rules(rules, Trust.EXACT)
                    yield NodeDrop(FORMER_BACKEND, name, direction_of(name), RulesetKey(table.ip_version), dropped)

    def _endpoint(self, chain: str, key: RulesetKey) -> EndpointTraffic | None:
        if of_workload := workload_chain(chain):
            direction, interface = of_workload
            workload = self._lookups.endpoint(interface)
            if workload is None:
                return EndpointTraffic(chain, interface, direction, key.ip_version, table=key.table)
            names = (workload.namespace, workload.pod, workload.workload)
            return EndpointTraffic(chain, interface, direction, key.ip_version, *names, table=key.table)
        host = host_endpoint_chain(chain)
        if host is None:
            return None
        known = self._lookups.host_endpoint(host.interface)
        return EndpointTraffic(
            chain,
            host.interface,
            host.direction,
            key.ip_version,
            host_endpoint=known.name if known else "",
            traffic=key.words or ("forwarded" if host.forwarded else "local"),
            table=key.table,
        )


class _RulesetView:
    """One table of one IP version."""

    def __init__(self, planned: PlannedRuleset, former: Mapping[str, Chain] | None) -> None:
        self.planned = planned
        self._former = former

    def path(self, endpoint: EndpointTraffic) -> EndpointPath:
        return read_path(
            endpoint,
            self.planned.ruleset.chains,
            self.counts(endpoint.chain),
            self._targets,
            self._members,
        )

    @cached_property
    def _targets(self) -> Targets:
        plan = self.planned.plan
        return targets_of(plan.policies, plan.groups, plan.profiles, plan.tiers)

    @cached_property
    def policies(self) -> Mapping[str, PolicyTotals]:
        return {name: self._totals(plan) for name, plan in self.planned.plan.policies.items()}

    def node_drops(self) -> Iterator[NodeDrop]:
        for drops in self.planned.plan.node_drops:
            counted = self.counts(drops.chain).rules(drops.rules, Trust.EXACT)
            yield NodeDrop(drops.reason, drops.chain, drops.direction, self.planned.key, counted)

    def counts(self, chain: str) -> ChainCounts:
        chains, former = self.planned.ruleset.chains, self._former
        return ChainCounts(chains.get(chain), former.get(chain) if former else None, looked_before=former is not None)

    @cached_property
    def _members(self) -> Members:
        groups = self.planned.plan.groups.items()
        alone = {chain: (policy,) for chain, policy in self.policies.items()}
        return alone | {chain: tuple(self.policies[one.chain] for one in group.members) for chain, group in groups}

    def _totals(self, plan: PolicyPlan) -> PolicyTotals:
        counts = self.counts(plan.chain)
        deciding = plan.verdicts.deciding
        return PolicyTotals(
            name=plan.label,
            kind=plan.name.kind.value if plan.name else "",
            namespace=plan.name.namespace if plan.name else "",
            tier=plan.name.tier if plan.name else "",
            chain=plan.chain,
            direction=plan.verdicts.direction,
            ip_version=self.planned.ip_version,
            table=self.planned.key.table,
            verdicts={
                verdict: counts.rules([place for given, place in deciding if given is verdict], Trust.SHARED)
                for verdict in Verdict
                if plan.verdicts.can(verdict)
            },
            is_missing=plan.is_missing,
            unread=plan.verdicts.unread,
        )


def _former_chains(former: Scan | None, key: RulesetKey) -> Mapping[str, Chain] | None:
    """None where nobody scanned; a table without rules then has no chains."""
    if former is None:
        return None
    return next((one.ruleset.chains for one in former.rulesets if one.key == key), {})


def _order(endpoint: EndpointTraffic) -> tuple[str, str, bool, str, int]:
    """By name; of one endpoint the way to it first, IPv4 before IPv6."""
    return (
        endpoint.name,
        endpoint.interface,
        endpoint.direction is Direction.EGRESS,
        endpoint.traffic,
        endpoint.ip_version or 0,
    )
