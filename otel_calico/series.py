"""Series and their values, as they travel from a scan to the exporters.

What may be relied on: a `SeriesSet` and a `Readings` are the *same objects* in the next snapshot as long as
nothing about them changed. Exporters may therefore cache what they made of one, keyed by identity, and must
drop what the newest snapshot no longer holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from otel_calico.metrics import Metric

Labels = Mapping[str, str]
LabelKey = frozenset[tuple[str, str]]


def label_key(labels: Labels) -> LabelKey:
    """What equal label sets have in common, in whatever order their labels stand."""
    return frozenset(labels.items())


class LabelSets(Sequence[Labels]):
    """Label sets that have labels in common, such as those of a pod. Joined when asked for: a node has thousands.

    `own` may be shared by many, as pods of one kind differ in nothing but what each one's sets have in common.
    """

    __slots__ = ("common", "own")

    def __init__(self, common: Labels, own: Sequence[Labels]) -> None:
        """No own label may have the name of a common one."""
        self.common = common
        self.own = own

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[Labels]:
        common = self.common
        return iter([{**common, **own} for own in self.own])

    @overload
    def __getitem__(self, place: int) -> Labels: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Labels]: ...

    def __getitem__(self, place: int | slice) -> Labels | Sequence[Labels]:
        if isinstance(place, slice):
            return LabelSets(self.common, self.own[place])
        return {**self.common, **self.own[place]}


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSet:
    """Label sets of one metric that live and die together (those of one chain). Compared by identity.

    `since` is, per series, the Unix time in nanoseconds from which its value counts as an OTLP stream: the first
    scan, or for a series that appeared later the moment after the scan before it appeared.
    """

    metric: Metric
    labels: Sequence[Labels]
    since: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One value per series of a set, in its order. Compared by identity.

    `values` are those of `/metrics`. `lost` is what counter resets took away while the process lives, so that
    `values[i] + lost[i]` never falls; `first` is what the series showed in the first scan, before which delta
    exporters count nothing. An empty sequence stands for zeros.
    """

    series: SeriesSet
    values: Sequence[int]
    lost: Sequence[int] = ()
    first: Sequence[int] = ()
