"""Series of one metric and one chain, with the rules that feed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.calico.model import Verdict
from otel_calico.metrics import Metric
from otel_calico.series import Labels


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that no single rule holds: the packets of one rule of a chain less those of others.

    It is `inferred` if it means what it means only while the policies of the tier can do what they can do now.
    """

    whole: int
    less: tuple[int, ...]
    inferred: bool = False

    @property
    def rules(self) -> tuple[int, ...]:
        """All rules that take part."""
        return (self.whole, *self.less)

    def renumbered(self, number: Mapping[int, int]) -> Difference:
        """The same difference with other numbers for its rules."""
        return Difference(number[self.whole], tuple(number[rule] for rule in self.less), self.inferred)


@dataclass(frozen=True, slots=True, eq=False)
class RawSeries:
    """Series of a metric that are each fed by one rule: label sets and, in their order, the rules' positions."""

    metric: Metric
    labels: Sequence[Labels]
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceSeries:
    """Series of a metric that are each a difference of rules: positions of all rules that take part, in `rules`.

    The differences name their rules by place in `rules`.
    """

    metric: Metric
    labels: Sequence[Labels]
    rules: tuple[int, ...]
    differences: tuple[Difference, ...]

    @classmethod
    def of(cls, metric: Metric, labels: Sequence[Labels], differences: Sequence[Difference]) -> DifferenceSeries:
        """From differences that name their rules by position in the chain."""
        rules = tuple(sorted({rule for difference in differences for rule in difference.rules}))
        place = {rule: number for number, rule in enumerate(rules)}
        return cls(metric, labels, rules, tuple(difference.renumbered(place) for difference in differences))


@dataclass(frozen=True, slots=True)
class Share:
    """What one member of a group did with the group's packets: a part of the series of that group and verdict.

    `whole` is the place of that series, `member` the policy's place among the group's members.
    """

    whole: int
    group: str
    member: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class SharedSeries:
    """Differences, some of which count what all members of a group did, and the members' shares in those.

    `labels` are the shares'. A share takes what is proven to be the member's; the rest stays where it was counted.
    """

    wholes: DifferenceSeries
    labels: Sequence[Labels]
    shares: tuple[Share, ...]

    @property
    def metric(self) -> Metric:
        """The metric of all these series."""
        return self.wholes.metric

    @property
    def rules(self) -> tuple[int, ...]:
        """Positions of all rules that take part."""
        return self.wholes.rules
