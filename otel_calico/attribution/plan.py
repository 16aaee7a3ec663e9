"""The plan: which rules of a chain feed which series."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from otel_calico.attribution.planned_series import Difference, DifferenceSeries, RawSeries, SharedSeries
from otel_calico.attribution.policy_chain import PolicyChain
from otel_calico.calico.model import Direction, PolicyKind, Verdict
from otel_calico.calico.policy_names import PolicyName
from otel_calico.failed_parts import FailedPart
from otel_calico.series import Labels, LabelSets


@dataclass(frozen=True, slots=True)
class GroupJump:
    """An endpoint chain's jump to a group: the rule that counts what enters, and what the group decided of it."""

    group: str
    entered: int
    decided: Difference

    @property
    def is_exact(self) -> bool:
        """False where no rule tells the undecided from the rest of what entered."""
        return self.decided.rules != (self.entered,)


@dataclass(frozen=True, slots=True, eq=False)
class EndpointPlan:
    """What one chain, of an endpoint or in family `rule` of a policy, yields: series sets, one per metric, not empty.

    The same object serves until something it was made from changes.
    """

    raw: tuple[RawSeries, ...] = ()
    differences: tuple[DifferenceSeries, ...] = ()
    shared: tuple[SharedSeries, ...] = ()

    @property
    def series(self) -> tuple[RawSeries | DifferenceSeries | SharedSeries, ...]:
        """All series sets, raw ones first."""
        return (*self.raw, *self.differences, *self.shared)

    def labelled(self, common: Labels) -> EndpointPlan:
        """The same series with these labels too: pods of one kind differ in nothing else."""

        def difference(series: DifferenceSeries) -> DifferenceSeries:
            return DifferenceSeries(series.metric, LabelSets(common, series.labels), series.rules, series.differences)

        return EndpointPlan(
            tuple([RawSeries(raw.metric, LabelSets(common, raw.labels), raw.rules) for raw in self.raw]),
            tuple(map(difference, self.differences)),
            tuple(
                [SharedSeries(difference(one.wholes), LabelSets(common, one.labels), one.shares) for one in self.shared]
            ),
        )

    def __add__(self, other: EndpointPlan) -> EndpointPlan:
        """Both plans; their metrics must differ."""
        return EndpointPlan(self.raw + other.raw, self.differences + other.differences, self.shared + other.shared)


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What one policy chain yields. `name` is canonical, or None where nothing tells whose chain it is.

    A chain that others jump to and that the dump does not have `is_missing`: what its rules can do nobody knows.
    `possible_kinds` are the kinds that the policy may be of where only the datastore can name it.
    """

    chain: str
    name: PolicyName | None
    verdicts: PolicyChain
    is_missing: bool = False
    possible_kinds: Set[PolicyKind] = frozenset()

    def may(self, verdict: Verdict) -> bool:
        """True unless it is known that no rule of the policy gives this verdict."""
        return self.is_missing or self.verdicts.unread > 0 or self.verdicts.can(verdict)

    @property
    def label(self) -> str:
        """The value of `policy` labels: a chain nobody can name goes by its own, so that no two are mixed up."""
        return self.name.name if self.name else self.chain

    @property
    def attributes(self) -> dict[str, str]:
        """What family `policy` and `rule` say of the policy in the direction of this chain."""
        direction = self.verdicts.direction
        if self.name:
            return self.name.attributes(direction)
        unknown = dict.fromkeys(("calico.policy.kind", "calico.policy.namespace", "calico.policy.tier"), "")
        return {"calico.policy.name": self.label, **unknown, "calico.direction": direction.value}


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What one profile's chain can do. `name` is the profile's, or the chain's where only a hash of it is left."""

    name: str
    verdicts: PolicyChain


@dataclass(frozen=True, slots=True, eq=False)
class NodeDrops:
    """The rules of one chain that drop for one reason, and are no policy's and no known endpoint's.

    `direction` is None where the chain does not tell. `is_usual` is true for the one rule of a chain that every node
    has.
    """

    chain: str
    reason: str
    direction: Direction | None
    series: tuple[RawSeries, ...]
    is_usual: bool

    @property
    def rules(self) -> tuple[int, ...]:
        """Their positions in the chain."""
        return self.series[0].rules


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group chain, its members in order of evaluation, and in that order the positions of the jumps to them.

    One that `is_missing` is jumped to, and the dump does not have it.
    """

    chain: str
    members: tuple[PolicyPlan, ...]
    jumps: tuple[int, ...]
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class RulesetPlan:
    """The plan of one ruleset, by chain. `rules` is family `rule`: what policy chains yield.

    `group_jumps` are those of every endpoint chain, for family `workload`. `chains_without_name` are policy chains,
    `workloads_without_chains` those of the datastore that Felix has written no chain for (yet).
    `node_drops` are rules that drop packets of no known endpoint and no policy.
    `missing_chains` are chains that others jump to and that the dump does not have.
    `tiers` has the tier of each policy or group chain, `contradicted_tiers` says which comments name another.
    `failed` are the chains that a fault of otel-calico's own left out.
    `kinds_needed` are the kinds of policy that only the datastore can name for some chain.
    """

    endpoints: Mapping[str, EndpointPlan] = field(default_factory=dict)
    rules: Mapping[str, EndpointPlan] = field(default_factory=dict)
    policies: Mapping[str, PolicyPlan] = field(default_factory=dict)
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    profiles: Mapping[str, ProfilePlan] = field(default_factory=dict)
    group_jumps: Mapping[str, tuple[GroupJump, ...]] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)
    contradicted_tiers: tuple[str, ...] = ()
    missing_chains: tuple[str, ...] = ()
    interfaces_without_workload: tuple[str, ...] = ()
    workloads_without_chains: tuple[str, ...] = ()
    chains_without_name: tuple[str, ...] = ()
    node_drops: tuple[NodeDrops, ...] = ()
    failed: tuple[FailedPart, ...] = ()
    kinds_needed: Set[PolicyKind] = frozenset()

    @property
    def series(self) -> Mapping[str, EndpointPlan]:
        """What each chain that has series yields."""
        return {**self.endpoints, **self.rules}
