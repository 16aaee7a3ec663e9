"""The rows of `report`: one for each endpoint, direction, policy and verdict that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from otel_calico.explain.counts import Count, Trust, together
from otel_calico.explain.find import find, is_policy
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointPath, EndpointTraffic, PolicyStep, PolicyTotals, TierStep

DROPPING = ("drop", "deny", "deny or pass")
"""Verdicts that people look for first."""

_ALL = "all_of_policy"
"""Reason of rows that do not tell one policy from another."""

_TRUST = (Trust.EXACT, Trust.COMPUTED, Trust.SHARED, Trust.UNRELIABLE)


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy or profile decided about the packets of one endpoint. An empty `endpoint` is the whole node.

    `policies` are canonical names: those of a group, in order. `verdict` is `allow`, `deny`, `pass`, `deny or pass`,
    or `drop` with a `reason`. Both IP versions are counted together.
    """

    endpoint: str
    interface: str
    traffic: str
    direction: str
    tier: str
    policies: tuple[str, ...]
    profile: str
    verdict: str
    reason: str
    count: Count


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows to show; what is empty selects all."""

    drops: bool = False
    pod: str = ""
    namespace: str = ""
    policy: str = ""

    @property
    def of_whole_node(self) -> bool:
        """True if also the drops are shown that are no endpoint's and no policy's."""
        return not (self.pod or self.namespace or self.policy)


def report_rows(view: NodeView, selection: Selection) -> Sequence[Row]:
    """Rows that counted anything: drops first, then what moved most, then what counted most."""
    rows = [row for path in _paths(view, selection) for row in _rows(path, selection.policy)]
    if not selection.pod and not selection.namespace:
        rows += _of_node(view, selection.policy)
    if selection.of_whole_node:
        rows += _node_drops(view)
    counted = [row for row in _both_versions(rows) if row.count.total.packets]
    return sorted((row for row in counted if not selection.drops or row.verdict in DROPPING), key=_order)


def unused_policies(view: NodeView, selection: Selection) -> Sequence[PolicyTotals]:
    """Policies none of whose rules counted a packet in a direction, by either IP version."""
    used = {(one.name, one.direction) for one in view.policies if any(c.total.packets for c in one.verdicts.values())}
    found = {
        (one.name, one.direction): one
        for one in view.policies
        if (one.name, one.direction) not in used and one.is_whole and _is_selected(one, selection)
    }
    return list(found.values())


def _is_selected(policy: PolicyTotals, selection: Selection) -> bool:
    if selection.namespace and policy.namespace != selection.namespace:
        return False
    return not selection.policy or is_policy(policy, selection.policy)


def _paths(view: NodeView, selection: Selection) -> Iterator[EndpointPath]:
    for endpoint in find(view, selection.pod).endpoints if selection.pod else view.endpoints:
        if not selection.namespace or endpoint.namespace == selection.namespace:
            yield view.path(endpoint)


def _rows(path: EndpointPath, policy: str) -> Iterator[Row]:
    empty = _row(path.endpoint)
    for tier in path.tiers:
        for step in tier.policies:
            if not policy or any(is_policy(member, policy) for member in step.members):
                yield from _of_policy(replace(empty, tier=tier.name), step)
        if tier.dropped and tier.dropped.trust is not Trust.SHARED and _ends_for(tier, policy):
            yield replace(empty, tier=tier.name, verdict="drop", reason="end_of_tier", count=tier.dropped)
    if not policy:
        yield from _of_interface(empty, path)
        for profile in path.profiles:
            if profile.accepted.trust is not Trust.SHARED:
                yield replace(empty, profile=profile.name, verdict="allow", count=profile.accepted)
            if profile.denied and profile.denied.trust is not Trust.SHARED:
                yield replace(empty, profile=profile.name, verdict="deny", count=profile.denied)
        for drop in path.drops:
            if drop.dropped.trust is Trust.SHARED:
                continue
            reason = f"{drop.reason} {drop.detail}" if drop.detail else drop.reason
            yield replace(empty, verdict="drop", reason=reason, count=drop.dropped)


def _of_interface(empty: Row, path: EndpointPath) -> Iterator[Row]:
    """What all policies and profiles together decided, where no step counts for the endpoint alone (eBPF)."""
    if path.totals:
        yield replace(empty, verdict="allow", reason=_ALL, count=path.totals.accepted)
        yield replace(empty, verdict="drop", reason=_ALL, count=path.totals.dropped)


def _ends_for(tier: TierStep, policy: str) -> bool:
    """The end of a tier belongs to a policy that alone leads to it."""
    return not policy or (len(tier.members) == 1 and is_policy(tier.members[0], policy))


def _row(endpoint: EndpointTraffic) -> Row:
    nothing = together([], Trust.EXACT)
    way = endpoint.direction.value
    return Row(endpoint.name, endpoint.interface, endpoint.traffic, way, "", (), "", "", "", nothing)


def _of_policy(empty: Row, step: PolicyStep) -> Iterator[Row]:
    names = tuple(member.name for member in step.members)
    counts = {
        "allow": step.accepted,
        "deny": step.denied,
        "pass": step.passed,
        "deny or pass": step.denied_or_passed,
    }
    for verdict, count in counts.items():
        if count is not None:
            yield replace(empty, policies=names, verdict=verdict, count=count)


def _of_node(view: NodeView, policy: str) -> Iterator[Row]:
    """The policies about which the endpoints' rows do not say everything: members of groups, untold denies."""
    told_in_part: set[tuple[str, str]] = set()
    for path in view.paths():
        for tier in path.tiers:
            for step in tier.policies:
                if step.is_group or not step.tells_all:
                    told_in_part.update(map(_identity, step.members))
    for one in view.policies:
        if _identity(one) in told_in_part and (not policy or is_policy(one, policy)):
            for verdict, count in one.verdicts.items():
                yield Row("", "", "", one.direction.value, one.tier, (one.name,), "", verdict.value, "", count)


def _node_drops(view: NodeView) -> Iterator[Row]:
    for drop in view.node_drops:
        way = drop.direction.value if drop.direction else ""
        yield Row("", "", drop.key.words, way, "", (), "", "drop", drop.reason, drop.dropped)


def _identity(policy: PolicyTotals) -> tuple[str, str]:
    """Its chain; with eBPF, which has none, its name in one direction."""
    return policy.chain or policy.name, "" if policy.chain else policy.direction.value


def _both_versions(rows: Iterable[Row]) -> Iterator[Row]:
    found: dict[Row, list[Count]] = {}
    nothing = together([], Trust.EXACT)
    for row in rows:
        found.setdefault(replace(row, count=nothing), []).append(row.count)
    for row, counts in found.items():
        yield replace(row, count=together(counts, max((count.trust for count in counts), key=_TRUST.index)))


def _order(row: Row) -> tuple[bool, int, int, str, str, tuple[str, ...]]:
    moved = row.count.moved.packets if row.count.moved else 0
    return row.verdict not in DROPPING, -moved, -row.count.total.packets, row.endpoint, row.direction, row.policies
