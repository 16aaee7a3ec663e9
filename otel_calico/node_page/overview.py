"""The content of the overview page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from otel_calico.calico.model import Direction
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointPath, InterfaceTotals
from otel_calico.metrics import NO_POLICY_DROP, NODE_DROPPED, POLICY_ACCEPT_DROP, POLICY_PACKETS
from otel_calico.node_page.movement import Moved, Movement
from otel_calico.series import Labels

ROWS = 10
"""Of each table, unless something is searched for."""
FOUND_ROWS = 200

_TO_WORKLOAD = "tw"


@dataclass(frozen=True, slots=True)
class Drop:
    """Packets of one workload that one tier or policy dropped. `moved` and `total` are packets, the rate is a second's;
    `share` is of the greatest in the table, from 0 to 1. `reason` stands for policy and tier where those are not told.
    """

    workload: str
    direction: str
    policy: str
    tier: str
    ip_version: str
    moved: int
    total: int
    per_second: float
    share: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NodeDropped:
    """Packets that were dropped for one reason and are told of the node alone, all chains and IP versions together."""

    reason: str
    direction: str
    moved: int
    total: int
    per_second: float


@dataclass(frozen=True, slots=True)
class PolicyActivity:
    """What one policy decided on the whole node, by verdict: packets since the start, and those that moved."""

    name: str
    kind: str
    direction: str
    totals: dict[str, int]
    moved: dict[str, int]
    per_second: dict[str, float]

    @property
    def decides(self) -> bool:
        """True if it decided anything ever."""
        return any(self.totals.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """The tables of the first page. `seconds` is the time over which packets moved; 0 right after the start.

    `denies` says that some policy has denied packets, of whichever endpoint. `node_drops` are empty while something is
    sought.
    """

    seconds: float
    drops: Sequence[Drop]
    more_drops: int
    node_drops: Sequence[NodeDropped]
    denies: bool
    policies: Sequence[PolicyActivity]
    more_policies: int
    workloads: Sequence[str]
    more_workloads: int


def overview(movement: Movement, view: NodeView, sought: str = "") -> Overview:
    """The tables, or the rows of them that the text sought is in, and then of every policy of the node."""
    rows = FOUND_ROWS if sought else ROWS
    drops = [drop for drop in _drops(movement, view) if _has(sought, drop.workload, drop.policy, drop.tier)]
    activities = _policies(movement)
    if sought:
        activities += _without_series(view, activities)
    policies = [one for one in activities if (sought or one.decides) and _has(sought, one.name, one.kind)]
    workloads = [one.name for one in view.endpoints if _has(sought, one.name, one.interface, one.chain)]
    workloads = sorted(set(workloads))
    return Overview(
        movement.seconds,
        drops[:rows],
        len(drops[rows:]),
        [] if sought else _node_drops(movement),
        any(one.totals.get("deny") for one in activities),
        policies[:rows],
        len(policies[rows:]),
        workloads[:FOUND_ROWS],
        len(workloads[FOUND_ROWS:]),
    )


def _drops(movement: Movement, view: NodeView) -> list[Drop]:
    """Those that dropped anything ever, the busiest now first."""
    moved = (*movement.of(NO_POLICY_DROP), *movement.of(POLICY_ACCEPT_DROP))
    paths = view.paths() if view.scan.ebpf else ()  # elsewhere no path has totals
    of_interfaces = [_interface_drop(path, path.totals, movement.seconds) for path in paths if path.totals]
    found = of_interfaces or [_drop(one, movement.seconds) for one in moved]
    dropped = sorted((one for one in found if one.total), key=lambda one: (-one.moved, -one.total))
    most = max((one.moved for one in dropped), default=0)
    return [replace(one, share=one.moved / most) for one in dropped] if most else dropped


def _drop(one: Moved, seconds: float) -> Drop:
    labels = one.labels
    return Drop(
        workload=_workload_name(labels),
        direction="to" if labels.get("type") == _TO_WORKLOAD else "from",
        policy=labels.get("policy", ""),
        tier=labels.get("tier", "default"),
        ip_version=labels.get("ip_version", "4"),
        moved=one.gained,
        total=one.total,
        per_second=_rate(one.gained, seconds),
        share=0.0,
    )


def _interface_drop(path: EndpointPath, totals: InterfaceTotals, seconds: float) -> Drop:
    """What policy dropped of an endpoint's packets, where no series tells it of every workload (eBPF)."""
    count = totals.dropped
    moved = count.moved.packets if count.moved else 0
    return Drop(
        workload=path.endpoint.name,
        direction="to" if path.endpoint.direction is Direction.INGRESS else "from",
        policy="",
        tier="",
        ip_version="",
        moved=moved,
        total=count.total.packets,
        per_second=_rate(moved, seconds),
        share=0.0,
        reason=f"dropped {totals.only}" if totals.only else "dropped by policy",
    )


def _node_drops(movement: Movement) -> list[NodeDropped]:
    """Those that dropped anything ever, the busiest now first."""
    found: dict[tuple[str, str], list[Moved]] = {}
    for one in movement.of(NODE_DROPPED[0]):
        found.setdefault((one.labels["reason"], one.labels.get("calico.direction", "")), []).append(one)
    sums = [(*key, sum(one.gained for one in each), sum(one.total for one in each)) for key, each in found.items()]
    drops = [
        NodeDropped(reason, direction, moved, total, _rate(moved, movement.seconds))
        for reason, direction, moved, total in sums
        if total
    ]
    return sorted(drops, key=lambda drop: (-drop.moved, -drop.total))


def _policies(movement: Movement) -> list[PolicyActivity]:
    """Those that have rules which decide, the busiest now first."""
    found: dict[tuple[str, str, str], dict[str, Moved]] = {}
    for one in movement.of(POLICY_PACKETS):
        labels = one.labels
        key = (labels["calico.policy.name"], labels["calico.policy.kind"], labels["calico.direction"])
        found.setdefault(key, {})[labels["calico.verdict"]] = one
    activities = [_activity(key, verdicts, movement.seconds) for key, verdicts in found.items()]
    return sorted(activities, key=lambda one: (-sum(one.moved.values()), -sum(one.totals.values()), one.name))


def _without_series(view: NodeView, known: Iterable[PolicyActivity]) -> list[PolicyActivity]:
    """The other policies of the rules: a default deny has no rule that decides."""
    policies = dict.fromkeys((one.name, one.kind, one.direction.value) for one in view.policies)
    others = policies.keys() - {(one.name, one.kind, one.direction) for one in known}
    return [PolicyActivity(*one, totals={}, moved={}, per_second={}) for one in policies if one in others]


def _activity(key: tuple[str, str, str], verdicts: dict[str, Moved], seconds: float) -> PolicyActivity:
    name, kind, direction = key
    return PolicyActivity(
        name,
        kind,
        direction,
        {verdict: one.total for verdict, one in verdicts.items()},
        {verdict: one.gained for verdict, one in verdicts.items()},
        {verdict: _rate(one.gained, seconds) for verdict, one in verdicts.items()},
    )


def _workload_name(labels: Labels) -> str:
    """As endpoints of the rules call themselves, from the labels of family `accountant`."""
    name = labels.get("pod") or labels.get("workload") or labels.get("interface", "")
    namespace = labels.get("pod_namespace", "")
    return f"{namespace}/{name}" if namespace else name


def _rate(gained: int, seconds: float) -> float:
    return gained / seconds if seconds > 0 else 0.0


def _has(sought: str, *texts: str) -> bool:
    return any(sought.lower() in text.lower() for text in texts)
