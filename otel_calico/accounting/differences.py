"""Values of series that no single rule holds, counted since the start. Pure.

A difference of raw counters lies as soon as one of its rules was reset: a legacy rewrite of a chain zeroes its later
rules only (docs/design.md, "Resets"). So only increments are trusted, rule by rule, and an interval in which a rule
of the difference was reset or replaced books nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.accounting.chain_scan import ChainScan
from otel_calico.series import Readings, SeriesSet
from otel_calico.verdicts.plan import Difference, DifferenceSeries

_Formula = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stream:
    """One series as the former plan left it.

    `total` may lie below `shown`, by packets in flight during a dump. `formula` are the hashes of its rules.
    """

    total: int
    shown: int
    since: int
    formula: _Formula = ()


class DifferenceAccount:
    """The differences of one metric and one chain, scan after scan."""

    __slots__ = ("_counters", "_formulas", "_hashes", "_plan", "_readings", "_totals")

    def __init__(self) -> None:
        self._plan: DifferenceSeries | None = None
        self._hashes: Sequence[str] = ()  # of the plan's rules: tell a rule from its replacement
        self._counters: Sequence[int] = ()  # of the plan's rules at the last scan
        self._formulas: Sequence[_Formula] = ()  # of the plan's differences
        self._totals: Sequence[int] = ()
        self._readings: Readings | None = None

    def read(self, plan: DifferenceSeries, counters: list[int], chain: ChainScan) -> Readings:
        """The readings of this scan; the former object if nothing was booked.

        `counters` are those of the plan's rules.
        """
        readings, proven = self._readings, None
        if readings is None or plan is not self._plan:
            readings, proven = self._start(plan, chain)
        former, self._counters = self._counters, counters
        if not chain.times.first and former != counters:
            increments = _increments(plan.differences, former, counters)
            if proven:
                increments = list(map(operator.mul, increments, proven))
            if any(increments):
                self._totals = list(map(operator.add, self._totals, increments))
                readings = Readings(readings.series, list(map(max, self._totals, readings.values)))
        self._readings = readings
        return readings

    def _start(self, plan: DifferenceSeries, chain: ChainScan) -> tuple[Readings, Sequence[bool]]:
        """Take a new plan, carrying on the series it shares with the former one.

        A rule that was there before, planned or not, counts from what it showed then. But what old rules counted since
        the last scan is proven only where the difference is the one it was: a policy that could pass packets until a
        moment ago did not deny those that it passed.
        """
        known = {**chain.known(plan.metric), **dict(zip(self._hashes, self._counters, strict=True))}
        former, unknown = self._streams(), _Stream(0, 0, chain.times.previous)
        streams = [former.get(frozenset(labels.items()), unknown) for labels in plan.labels]
        self._plan = plan
        self._hashes = chain.hashes(plan.rules)
        self._counters = [known.get(rule_hash, _NEW) for rule_hash in self._hashes]
        self._formulas = [tuple(self._hashes[rule] for rule in difference.rules) for difference in plan.differences]
        self._totals = [stream.total for stream in streams]
        series = SeriesSet(plan.metric, plan.labels, [stream.since for stream in streams])
        proven = [
            len(formula) == 1 or stream.formula == formula or not any(rule in known for rule in formula)
            for stream, formula in zip(streams, self._formulas, strict=True)
        ]
        return Readings(series, [stream.shown for stream in streams]), proven

    def _streams(self) -> Mapping[frozenset[tuple[str, str]], _Stream]:
        if self._readings is None:
            return {}
        series = self._readings.series
        columns = zip(self._totals, self._readings.values, series.since, self._formulas, strict=True)
        keys = (frozenset(labels.items()) for labels in series.labels)
        return {key: _Stream(*column) for key, column in zip(keys, columns, strict=True)}


_NEW = -1
"""Stands for the former counter of a rule that was not there."""


def _increments(differences: Sequence[Difference], former: Sequence[int], counters: Sequence[int]) -> list[int]:
    """Packets to book per difference: nothing for one of whose rules some, but not all, were reset or are new."""
    deltas = [now - max(before, 0) for before, now in zip(former, counters, strict=True)]
    doubtful = min(former) < 0 or min(deltas) < 0
    increments: list[int] = []
    for difference in differences:
        if doubtful and not difference.less and deltas[difference.whole] < 0:
            increments.append(counters[difference.whole])  # a single rule was reset, and started anew
            continue
        if doubtful and not _is_reliable(difference, former, deltas):
            increments.append(0)
            continue
        increment = deltas[difference.whole]
        for rule in difference.less:
            increment -= deltas[rule]
        increments.append(increment)
    return increments


def _is_reliable(difference: Difference, former: Sequence[int], deltas: Sequence[int]) -> bool:
    """True if all its rules were there before and none fell; or if all are new, counting from the same instant."""
    new = [former[rule] < 0 for rule in difference.rules]
    return all(deltas[rule] >= 0 for rule in difference.rules) and (all(new) or not any(new))
