"""Values of series that no single rule holds, counted since the start.

A difference of raw counters lies as soon as one of its rules was reset: a legacy rewrite of a chain zeroes its later
rules only (docs/design.md, "Resets"). So only what the rules gained from scan to scan is booked (`gains`), and nothing
where that cannot be told.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.accounting.gains import NEW, difference_gains
from otel_calico.accounting.interval import ChainInterval
from otel_calico.attribution.planned_series import DifferenceSeries
from otel_calico.series import LabelKey, Readings, SeriesSet, label_key


@dataclass(frozen=True, slots=True)
class _FormerStream:
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

    def read(self, plan: DifferenceSeries, counters: list[int], chain: ChainInterval) -> Readings:
        """The readings of this scan; the former object if nothing was booked.

        `counters` are those of the plan's rules.
        """
        readings, proven = self._readings, None
        if readings is None and (chain.first or chain.before is None):
            readings = self._begin(plan, chain)
        elif readings is None or plan is not self._plan:
            readings, proven = self._start(plan, chain)
        former, self._counters = self._counters, counters
        if not chain.first and former != counters:
            gained = difference_gains(plan.differences, former, counters, chain.any_fell)
            increments = [increment or 0 for increment in gained]
            if proven:
                increments = list(map(operator.mul, increments, proven))
            if any(increments):
                self._totals = list(map(operator.add, self._totals, increments))
                readings = Readings(readings.series, list(map(max, self._totals, readings.values)))
        self._readings = readings
        return readings

    def _begin(self, plan: DifferenceSeries, chain: ChainInterval) -> Readings:
        """Take the first plan of a chain that has no history; thousands of these make the first scan."""
        self._plan, self._hashes = plan, chain.hashes(plan.rules)
        self._counters = [NEW] * len(plan.rules)
        self._totals = [0] * len(plan.labels)
        return Readings(SeriesSet(plan.metric, plan.labels, [chain.since] * len(plan.labels)), self._totals)

    def _start(self, plan: DifferenceSeries, chain: ChainInterval) -> tuple[Readings, Sequence[bool]]:
        """Take a new plan, carrying on the series it shares with the former one.

        A rule that was there before, planned or not, counts from what it showed then. But what old rules counted since
        the last scan is proven only where an inferred difference is the one it was: a policy that could pass packets
        until a moment ago did not deny those that it passed, nor pass those that another policy passed.
        """
        known = {**chain.known(plan.metric), **dict(zip(self._hashes, self._counters, strict=True))}
        former, unknown = self._streams(), _FormerStream(0, 0, chain.since)
        streams = [former.get(label_key(labels), unknown) for labels in plan.labels]
        formulas = dict(zip(map(label_key, self._plan.labels), self._formulas(), strict=True)) if self._plan else {}
        self._plan = plan
        self._hashes = chain.hashes(plan.rules)
        self._counters = [known.get(rule_hash, NEW) for rule_hash in self._hashes]
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

    def _streams(self) -> Mapping[LabelKey, _FormerStream]:
        if self._readings is None:
            return {}
        series = self._readings.series
        columns = zip(self._totals, self._readings.values, series.since, strict=True)
        keys = (label_key(labels) for labels in series.labels)
        return {key: _FormerStream(*column) for key, column in zip(keys, columns, strict=True)}
