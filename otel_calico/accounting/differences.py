"""Values of series that no single rule holds, counted since the start. Pure.

A difference of raw counters lies as soon as one of its rules was reset: a legacy rewrite of a chain zeroes its later
rules only (docs/design.md, "Resets"). So only increments are trusted, rule by rule, and an interval in which a rule
of the difference was reset or replaced books nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from otel_calico.accounting.chain_scan import ChainScan
from otel_calico.attribution.plan import Difference, DifferenceSeries
from otel_calico.series import LabelKey, Readings, SeriesSet, label_key


@dataclass(frozen=True, slots=True)
class _Stream:
    """One series as the former plan left it.

    `total` may lie below `shown`, by packets in flight during a dump.
    """

    total: int
    shown: int
    since: int


class DifferenceAccount:
    """The differences of one metric and one chain, scan after scan."""

    __slots__ = ("_counters", "_hashes", "_plan", "_readings", "_totals")

    def __init__(self) -> None:
        self._plan: DifferenceSeries | None = None
        self._hashes: Sequence[str] = ()  # of the plan's rules: tell a rule from its replacement
        self._counters: Sequence[int] = ()  # of the plan's rules at the last scan
        self._totals: Sequence[int] = ()
        self._readings: Readings | None = None

    def read(self, plan: DifferenceSeries, counters: list[int], chain: ChainScan) -> Readings:
        """The readings of this scan; the former object if nothing was booked.

        `counters` are those of the plan's rules.
        """
        readings, proven = self._readings, None
        if readings is None and (chain.times.first or chain.before is None):
            readings = self._begin(plan, chain)
        elif readings is None or plan is not self._plan:
            readings, proven = self._start(plan, chain)
        former, self._counters = self._counters, counters
        if not chain.times.first and former != counters:
            increments = _increments(plan.differences, former, counters)
            if any(_of_several(plan.differences, increments)) and chain.was_reset:
                increments = [0 if one.less else gain for one, gain in zip(plan.differences, increments, strict=True)]
            if proven:
                increments = list(map(operator.mul, increments, proven))
            if any(increments):
                self._totals = list(map(operator.add, self._totals, increments))
                readings = Readings(readings.series, list(map(max, self._totals, readings.values)))
        self._readings = readings
        return readings

    def _begin(self, plan: DifferenceSeries, chain: ChainScan) -> Readings:
        """Take the first plan of a chain that has no history; thousands of these make the first scan."""
        self._plan, self._hashes = plan, chain.hashes(plan.rules)
        self._counters = [_NEW] * len(plan.rules)
        self._totals = [0] * len(plan.labels)
        return Readings(SeriesSet(plan.metric, plan.labels, [chain.times.previous] * len(plan.labels)), self._totals)

    def _start(self, plan: DifferenceSeries, chain: ChainScan) -> tuple[Readings, Sequence[bool]]:
        """Take a new plan, carrying on the series it shares with the former one.

        A rule that was there before, planned or not, counts from what it showed then. But what old rules counted since
        the last scan is proven only where an inferred difference is the one it was: a policy that could pass packets
        until a moment ago did not deny those that it passed, nor pass those that another policy passed.
        """
        known = {**chain.known(plan.metric), **dict(zip(self._hashes, self._counters, strict=True))}
        former, unknown = self._streams(), _Stream(0, 0, chain.times.previous)
        streams = [former.get(label_key(labels), unknown) for labels in plan.labels]
        formulas = dict(zip(map(label_key, self._plan.labels), self._formulas(), strict=True)) if self._plan else {}
        self._plan = plan
        self._hashes = chain.hashes(plan.rules)
        self._counters = [known.get(rule_hash, _NEW) for rule_hash in self._hashes]
        self._totals = [stream.total for stream in streams]
        series = SeriesSet(plan.metric, plan.labels, [stream.since for stream in streams])
        proven = [
            not difference.inferred
            or formulas.get(label_key(labels)) == formula
            or not any(rule in known for rule in formula)
            for labels, difference, formula in zip(plan.labels, plan.differences, self._formulas(), strict=True)
        ]
        return Readings(series, [stream.shown for stream in streams]), proven

    def _formulas(self) -> Sequence[tuple[str, ...]]:
        """The hashes of the rules of each difference."""
        differences = self._plan.differences if self._plan else ()
        return [tuple(self._hashes[rule] for rule in difference.rules) for difference in differences]

    def _streams(self) -> Mapping[LabelKey, _Stream]:
        if self._readings is None:
            return {}
        series = self._readings.series
        columns = zip(self._totals, self._readings.values, series.since, strict=True)
        keys = (label_key(labels) for labels in series.labels)
        return {key: _Stream(*column) for key, column in zip(keys, columns, strict=True)}


_NEW = -1
"""Stands for the former counter of a rule that was not there."""


def _increments(differences: Sequence[Difference], former: Sequence[int], counters: Sequence[int]) -> list[int]:
    """What to book per difference.

    A rule that fell was reset. The nft backend resets a chain as a whole, and a rule that has already counted past its
    former value does not show it: so where any fell, no difference of the chain says anything, and a series of one rule
    starts anew. (Rules that are in no difference are looked at only where it matters.)
    """
    some_new = min(former) < 0
    deltas = list(map(operator.sub, counters, [max(before, 0) for before in former] if some_new else former))
    if min(deltas) < 0:
        since_reset = [counters[rule] if delta < 0 else delta for rule, delta in enumerate(deltas)]
        return [0 if difference.less else since_reset[difference.whole] for difference in differences]
    increments: list[int] = []
    for difference in differences:
        if some_new and _is_mixed(difference, former):
            increments.append(0)
            continue
        increment = deltas[difference.whole]
        for rule in difference.less:
            increment -= deltas[rule]
        increments.append(increment)
    return increments


def _of_several(differences: Sequence[Difference], increments: Sequence[int]) -> Iterator[int]:
    """The increments of differences of several rules."""
    return compress(increments, (difference.less for difference in differences))


def _is_mixed(difference: Difference, former: Sequence[int]) -> bool:
    """True if some of its rules are new and some are not: they do not count from the same instant."""
    new = [former[rule] < 0 for rule in difference.rules]
    return any(new) and not all(new)
