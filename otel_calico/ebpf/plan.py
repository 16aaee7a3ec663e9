"""The plan: which counters of the eBPF dataplane feed which series.

Made by the planner, used by the account. A `tuple[str, int]` is the name of an interface, and a hook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.calico.model import Direction
from otel_calico.ebpf.counted import Counted, PolicyVerdict
from otel_calico.ebpf.proofs import Proof
from otel_calico.metrics import Metric
from otel_calico.series import Labels

RuleKey = tuple[PolicyVerdict, int]
"""A rule by its place in its policy."""


@dataclass(frozen=True, slots=True)
class NodeDropKey:
    """What was dropped on the node; no direction where both are counted together."""

    reason: str
    tier: str = ""
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class InterfaceDrop:
    """What an interface dropped for a reason."""

    interface: str
    hook: int
    reason: str


@dataclass(frozen=True, slots=True)
class ExactKey:
    """A number of one workload that is proven: `what` is a tier or a policy."""

    metric: Metric
    interface: str
    direction: Direction
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class SeriesPlaces:
    """Where each series stands among those of its metric: keys are looked up once per plan, not at every scan."""

    policies: Mapping[PolicyVerdict, int] = field(default_factory=dict)
    rules: Mapping[RuleKey, int] = field(default_factory=dict)
    node_drops: Mapping[NodeDropKey, int] = field(default_factory=dict)
    accepted: Mapping[tuple[str, int], int] = field(default_factory=dict)
    dropped: Mapping[InterfaceDrop, int] = field(default_factory=dict)
    exact: Mapping[ExactKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class EbpfPlan:
    """Series by what feeds them. The same object serves until something it was made from changes.

    `others` are interfaces that count for `node_drops`: neither a workload's nor a host endpoint's. `exact` has all the
    numbers that prove a series of a workload, `exact_labels` their labels by metric. `policy_places`, `rule_places` and
    `drop_places` say where what a match id counts is booked.
    """

    counted: Mapping[int, Counted] = field(default_factory=dict)
    policies: Mapping[PolicyVerdict, Labels] = field(default_factory=dict)
    rules: Mapping[RuleKey, Labels] = field(default_factory=dict)
    node_drops: Mapping[NodeDropKey, Labels] = field(default_factory=dict)
    others: Mapping[tuple[str, int], Direction] = field(default_factory=dict)
    accepted: Mapping[tuple[str, int], Labels] = field(default_factory=dict)
    dropped: Mapping[InterfaceDrop, Labels] = field(default_factory=dict)
    exact: Mapping[ExactKey, Sequence[Proof]] = field(default_factory=dict)
    exact_labels: Mapping[Metric, Mapping[ExactKey, Labels]] = field(default_factory=dict)
    interfaces_without_workload: tuple[str, ...] = ()
    places: SeriesPlaces = field(default_factory=SeriesPlaces)
    policy_places: Mapping[int, int] = field(default_factory=dict)
    rule_places: Mapping[int, int] = field(default_factory=dict)
    drop_places: Mapping[int, int] = field(default_factory=dict)
