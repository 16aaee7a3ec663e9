"""The plan: which rules of a chain feed which series. Pure data; made by the planner, used by the accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.metrics import Metric
from otel_calico.policy_names import PolicyName
from otel_calico.series import Labels
from otel_calico.verdicts.policy_chain import PolicyChain


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that no single rule holds: the packets of one rule of a chain less those of others."""

    whole: int
    less: tuple[int, ...]

    @property
    def rules(self) -> tuple[int, ...]:
        """All rules that take part."""
        return (self.whole, *self.less)

    def renumbered(self, number: Mapping[int, int]) -> Difference:
        """The same difference with other numbers for its rules."""
        return Difference(number[self.whole], tuple(number[rule] for rule in self.less))


@dataclass(frozen=True, slots=True, eq=False)
class RawSeries:
    """Series of a metric that are each fed by one rule: label sets and, in their order, the rules' positions."""

    metric: Metric
    labels: tuple[Labels, ...]
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceSeries:
    """Series of a metric that are each a difference of rules: positions of all rules that take part, in `rules`.

    The differences name their rules by place in `rules`.
    """

    metric: Metric
    labels: tuple[Labels, ...]
    rules: tuple[int, ...]
    differences: tuple[Difference, ...]

    @classmethod
    def of(cls, metric: Metric, labels: tuple[Labels, ...], differences: Sequence[Difference]) -> DifferenceSeries:
        """From differences that name their rules by position in the chain."""
        rules = tuple(sorted({rule for difference in differences for rule in difference.rules}))
        place = {rule: number for number, rule in enumerate(rules)}
        return cls(metric, labels, rules, tuple(difference.renumbered(place) for difference in differences))


@dataclass(frozen=True, slots=True, eq=False)
class EndpointPlan:
    """What one endpoint chain yields: series sets that are not empty, one per metric.

    The same object serves until something it was made from changes.
    """

    raw: tuple[RawSeries, ...] = ()
    differences: tuple[DifferenceSeries, ...] = ()

    @property
    def series(self) -> tuple[RawSeries | DifferenceSeries, ...]:
        """All series sets, raw ones first."""
        return (*self.raw, *self.differences)

    def __add__(self, other: EndpointPlan) -> EndpointPlan:
        """Both plans; their metrics must differ."""
        return EndpointPlan(self.raw + other.raw, self.differences + other.differences)


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What one policy chain yields. `name` is canonical, or None where nothing tells whose chain it is."""

    chain: str
    name: PolicyName | None
    verdicts: PolicyChain

    @property
    def label(self) -> str:
        """The value of `policy` labels: a chain nobody can name goes by its own, so that no two are mixed up."""
        return self.name.name if self.name else self.chain


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group chain and its members in order of evaluation."""

    chain: str
    members: tuple[PolicyPlan, ...]


@dataclass(frozen=True, slots=True)
class RulesetPlan:
    """The plan of one ruleset, by chain."""

    endpoints: Mapping[str, EndpointPlan] = field(default_factory=dict)
    policies: Mapping[str, PolicyPlan] = field(default_factory=dict)
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    interfaces_without_workload: tuple[str, ...] = ()

    @property
    def chains_without_name(self) -> tuple[str, ...]:
        """Policy chains that could not be named."""
        return tuple(chain for chain, policy in self.policies.items() if policy.name is None)
