"""Values of series that are fed by one rule each: the kernel's counter, and what resets took away.

At `/metrics` the raw counter is right: Prometheus sees resets itself. OTLP streams must not fall, so what each
reset took away is kept beside the value while the process lives, and forgotten with the series.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.accounting.gains import gain
from otel_calico.accounting.interval import ChainInterval
from otel_calico.attribution.planned_series import RawSeries
from otel_calico.metrics import Metric
from otel_calico.series import LabelKey, Readings, SeriesSet, label_key


@dataclass(frozen=True, slots=True)
class _Stream:
    """One series fed by one rule: the rule's hash, its counter now, and what the exporters need to know of it."""

    rule: str
    value: int
    lost: int
    first: int
    since: int


class RawAccount:
    """The series of one metric and one chain, scan after scan."""

    __slots__ = ("_plan", "_readings", "_rules")

    def __init__(self) -> None:
        self._plan: RawSeries | None = None
        self._readings: Readings | None = None
        self._rules: tuple[str, ...] = ()  # hashes, which tell a rule from its replacement

    def read(self, plan: RawSeries, values: list[int], chain: ChainInterval) -> Readings:
        """The readings of this scan; the former object if no value changed. `values` are the plan's rules' counters."""
        if self._readings is None:
            self._readings = self._begin(plan, values, chain)
        elif plan is self._plan:
            self._readings = _continued(self._readings, values)
        else:
            self._readings = self._change(plan, values, chain)
        return self._readings

    def _begin(self, plan: RawSeries, values: Sequence[int], chain: ChainInterval) -> Readings:
        """Take the first plan; thousands of these make the first scan."""
        self._plan, self._rules = plan, chain.hashes(plan.rules)
        first = chain.history(plan.metric, self._rules, values)
        return Readings(SeriesSet(plan.metric, plan.labels, [chain.since] * len(values)), values, first=first)

    def _change(self, plan: RawSeries, values: Sequence[int], chain: ChainInterval) -> Readings:
        """Take another plan, carrying on the series it shares with the former one."""
        former = self._streams()
        rules = chain.hashes(plan.rules)
        streams = [
            _carried_on(known, rule, value)
            if (known := former.get(label_key(labels)))
            else _begun(plan.metric, rule, value, chain)
            for labels, rule, value in zip(plan.labels, rules, values, strict=True)
        ]
        self._plan, self._rules = plan, rules
        return Readings(
            SeriesSet(plan.metric, plan.labels, [stream.since for stream in streams]),
            values,
            lost=_sparse([stream.lost for stream in streams]),
            first=_sparse([stream.first for stream in streams]),
        )

    def _streams(self) -> Mapping[LabelKey, _Stream]:
        readings = self._readings
        if readings is None:
            return {}
        zeros = [0] * len(readings.values)
        columns = zip(
            self._rules,
            readings.values,
            readings.lost or zeros,
            readings.first or zeros,
            readings.series.since,
            strict=True,
        )
        return {
            label_key(labels): _Stream(*column) for labels, column in zip(readings.series.labels, columns, strict=True)
        }


def _continued(former: Readings, values: list[int]) -> Readings:
    if values == former.values:
        return former
    lost = former.lost
    if any(map(operator.lt, values, former.values)):
        taken = [old + gain(old, new) - new for old, new in zip(former.values, values, strict=True)]
        lost = list(map(operator.add, lost, taken)) if lost else taken
    return Readings(former.series, values, lost, former.first)


def _begun(metric: Metric, rule: str, value: int, chain: ChainInterval) -> _Stream:
    """A series that nobody followed up to now."""
    shown = chain.history(metric, (rule,), (value,))
    return _Stream(rule, value, lost=0, first=shown[0] if shown else 0, since=chain.since)


def _carried_on(former: _Stream, rule: str, value: int) -> _Stream:
    replaced = rule != former.rule or value < former.value
    lost = former.lost + (former.value if replaced else 0)
    return _Stream(rule, value, lost, former.first, former.since)


def _sparse(numbers: list[int]) -> Sequence[int]:
    return numbers if any(numbers) else ()
