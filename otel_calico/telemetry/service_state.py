"""What the service says of itself that stays the same from scan to scan, unless something happens. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.metrics import Metric
from otel_calico.series import Readings, SeriesSet, Snapshot


@dataclass(frozen=True, slots=True)
class ServiceState:
    """State of the node, the datastore and the settings at one scan. Two states that are equal read the same.

    `series` and `left_out` count the series on this page, and those that the limit keeps off it, by metric.
    `web_config_in_effect` is None where there is no such file.
    """

    success: bool = False
    unlocked: bool = False
    backend: str = ""
    dataplane: str = ""
    rules: Mapping[str, int] = field(default_factory=dict)
    malformed_lines: int = 0
    unreadable: Sequence[str] = ()
    interfaces_without_workload: int = 0
    chains_without_name: int = 0
    series: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[Metric, int] = field(default_factory=dict)
    datastore: DatastoreStatus = field(default_factory=DatastoreStatus)
    web_config_in_effect: bool | None = None


class SeriesCount:
    """Counts the series of one snapshot after the other, by the names at `/metrics`. For any number of threads."""

    def __init__(self) -> None:
        self._counted: tuple[Sequence[Readings], Sequence[SeriesSet], Mapping[str, int]] = (), (), {}

    def of(self, readings: Sequence[Readings]) -> Mapping[str, int]:
        """The same object as before while the sets are the same."""
        former, sets, counts = self._counted
        if readings is former:
            return counts
        if (now := [one.series for one in readings]) != sets:
            counts = _count(now)
        self._counted = readings, now, counts  # in one step: a push counts another snapshot than the page beside it
        return counts


def _count(sets: Sequence[SeriesSet]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for series in sets:
        counts[series.metric.exposed] += len(series.labels)
    return counts


def state_of(
    snapshot: Snapshot, series: Mapping[str, int], datastore: DatastoreStatus, *, web_config_in_effect: bool | None
) -> ServiceState:
    """The state behind a snapshot."""
    report = snapshot.report
    return ServiceState(
        success=snapshot.failure is None,
        unlocked=report.unlocked,
        backend=report.backend,
        dataplane=report.dataplane,
        rules=report.rules,
        malformed_lines=report.malformed_lines,
        unreadable=tuple(report.unreadable),
        interfaces_without_workload=len(report.interfaces_without_workload),
        chains_without_name=len(report.chains_without_name),
        series=series,
        left_out=report.series_left_out,
        datastore=datastore,
        web_config_in_effect=web_config_in_effect,
    )
