"""Scans the node once: its rulesets read, parsed, planned and accounted for, and the snapshot made of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from otel_calico.accounting.cardinality import Cardinality, CardinalityChoice, count_by_metric
from otel_calico.accounting.interval import Interval
from otel_calico.accounting.plausibility import fell_together
from otel_calico.accounting.policies import PolicyAccount
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, RulesetKey, Table
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.layers import OTHER_LAYERS
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.scanning.former_tables import FormerTables
from otel_calico.scanning.lagging_chains import LaggingChains
from otel_calico.scanning.planned_report import by_version, network_type, report_of
from otel_calico.scanning.ruleset_scanner import RulesetScanner, Stopwatch, dataplane_of
from otel_calico.scanning.scan import Scan
from otel_calico.series import Readings, SeriesSet
from otel_calico.snapshot import EBPF_DATAPLANE, ScanFailure, ScanReport, Snapshot
from otel_calico.sources.ruleset_source import Dump, RulesetSource, SourceError

log = structlog.get_logger(__name__)

_CONFIRMATIONS = 3
"""Further reads that must also show a collective fall of legacy counters before it is believed."""

_UNUSABLE = {
    "": ScanFailure(
        "no_calico_chains",
        "neither iptables nor nftables has chains of Calico's (cali-…): does calico-node run on this node, and does "
        "otel-calico share the host's network namespace (hostNetwork: true)?",
    ),
    "ebpf": ScanFailure("ebpf_dataplane", EBPF_DATAPLANE),
}
"""Why the rules of a dataplane yield nothing."""

Rulesets = Mapping[RulesetKey, Ruleset]
_KEYS = tuple(RulesetKey(version, table) for version in IPVersion for table in Table)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """`minimum_counter`: a scan in which every kernel's value is lower is left out."""

    series: SeriesChoice = field(default_factory=SeriesChoice)
    minimum_counter: int = 0
    cardinality: CardinalityChoice = field(default_factory=CardinalityChoice)


class NodeScanner:
    """Scans the node again and again, remembering what each rule counted. Used by one thread at a time."""

    def __init__(self, source: RulesetSource, lookups: Lookups, settings: ScanSettings | None = None) -> None:
        settings = settings or ScanSettings()
        self._source = source
        self._lookups = lookups
        self._settings = settings
        self._cardinality = Cardinality(settings.cardinality)
        self._lagging = LaggingChains()
        self._backend = ""
        self.restart()

    @property
    def lookups_version(self) -> int:
        """The version of the lookups that the next scan would use."""
        return self._lookups.version

    def close(self) -> None:
        """End a scan that is under way. From any thread."""
        self._source.close()

    def scan(self) -> Scan:
        """A new scan. Never raises: what goes wrong makes it a failed one."""
        taken = time.time_ns()
        watch = Stopwatch()
        try:
            return self._measure(taken, watch)
        except (SourceError, DumpError) as error:
            return self._failed(taken, watch, error.kind, str(error))
        except Exception as error:  # an exporter whose callback raises would lose its metrics without a word
            log.exception("scan_crashed")
            return self._failed(taken, watch, "internal_error", f"{type(error).__name__}: {error}")

    def restart(self) -> None:
        """Start every account anew."""
        self._rulesets = {key: self._begun(key) for key in _KEYS}
        self._policies = PolicyAccount()
        self._former = FormerTables()

    def _begun(self, key: RulesetKey) -> RulesetScanner:
        return RulesetScanner(key, self._lookups, self._settings.series)

    def _measure(self, taken: int, watch: Stopwatch) -> Scan:
        dumps, rulesets = self._believable(watch)
        intervals = [self._rulesets[key].attribute(ruleset, taken) for key, ruleset in rulesets.items()]
        planned = tuple(interval.now for interval in intervals)
        if self._lagging.found(planned, self._lookups.interfaces()):
            self._source.look_again()
        watch.lap("attribute")
        dataplane = dataplane_of(rulesets)
        failure = _UNUSABLE.get(dataplane)
        below_minimum = not failure and _below(planned, self._settings.minimum_counter)
        failed = FailedParts(part for ruleset in planned for part in ruleset.plan.failed)
        readings = () if below_minimum else self._account(intervals, taken, failed)
        left_out = () if below_minimum else self._cardinality.left_out
        watch.lap("account")
        report = self._report(watch, dumps, planned, left_out, failed, dataplane=dataplane, below_minimum=below_minimum)
        if failure:
            return _without_series(taken, failure, report)
        return Scan(Snapshot(taken / 1e9, readings, left_out, report=report), planned, former=self._former.tables)

    def _believable(self, watch: Stopwatch) -> tuple[Sequence[Dump], Rulesets]:
        """Read until the counters can be believed: at once, but for legacy tables read without the lock."""
        dumps, rulesets = self._read({}, watch)
        if not self._source.unlocked:
            return dumps, rulesets
        before: Rulesets = {key: scan.ruleset for key, scan in self._rulesets.items()}
        if not any(ruleset.chains for ruleset in before.values()):
            before, (dumps, rulesets) = rulesets, self._read(rulesets, watch)
        for _ in range(_CONFIRMATIONS):
            if not any(fell_together(before[one], ruleset) for one, ruleset in rulesets.items() if one in before):
                break
            dumps, rulesets = self._read(rulesets, watch)
        return dumps, rulesets

    def _read(self, former: Rulesets, watch: Stopwatch) -> tuple[Sequence[Dump], Rulesets]:
        """Read and parse, after a former look of the same scan if there was one."""
        dumps = self._source.read()
        self._follow_backend()
        anew = {dump.ip_version for dump in dumps if dump.first_look}
        self._rulesets |= {key: self._begun(key) for key in _KEYS if key.ip_version in anew}
        watch.lap("read")
        rulesets: dict[RulesetKey, Ruleset] = {}
        for dump in dumps:
            key = dump.key
            rulesets[key] = dump.ruleset or self._rulesets[key].parse(dump.text, former.get(key))
            if rulesets[key].dataplane == "nftables":
                others = (RulesetKey(dump.ip_version, table) for table in OTHER_LAYERS)
                rulesets |= {other: self._rulesets[other].layer_of(rulesets[key]) for other in others}
        for key, scan in self._rulesets.items():
            if key not in rulesets and scan.ruleset.chains:
                rulesets[key] = scan.absent()
        watch.lap("parse")
        return dumps, rulesets

    def _follow_backend(self) -> None:
        """The same rules in the other backend have other counters, whose history is not this service's to count."""
        backend = self._source.backend
        if self._backend and backend != self._backend:
            log.warning("backend_changed", former=self._backend, backend=backend)
            shown = {
                (self._backend, key.ip_version): scan.ruleset
                for key, scan in self._rulesets.items()
                if scan.ruleset.chains and key.table is Table.FILTER
            }
            self.restart()
            self._former = FormerTables(shown)
        self._backend = backend

    def _account(self, intervals: Sequence[Interval], taken: int, failed: FailedParts) -> Sequence[Readings]:
        readings: list[Readings] = []
        for interval in intervals:
            readings += self._rulesets[interval.now.key].account(interval, failed)
        of_former = failed.attempt(ScanPart.NODE_DROPS, "", self._former.read, self._source.former, taken)
        if of_former is None:
            self._former = FormerTables()
        if "policy" in self._settings.series.families:
            of_policies = failed.attempt(ScanPart.POLICY_FAMILY, "", self._policies.read, intervals, taken)
            if of_policies is None:  # begun anew: totals may be booked by halves
                self._policies = PolicyAccount()
            readings += of_policies or ()
            for interval in intervals:
                readings += self._rulesets[interval.now.key].account_node_drops(interval, failed)
            readings += of_former or ()
        for interval in intervals:
            self._rulesets[interval.now.key].accept(interval.now, taken)
        return self._cardinality.shown(readings)

    def _report(  # noqa: PLR0913 - a scan has this many sides
        self,
        watch: Stopwatch,
        dumps: Sequence[Dump],
        planned: Sequence[PlannedRuleset],
        left_out: Sequence[SeriesSet],
        failed: FailedParts,
        *,
        dataplane: str,
        below_minimum: bool,
    ) -> ScanReport:
        found = report_of(planned)
        return replace(
            found,
            backend=self._source.backend,
            dataplane=dataplane,
            seconds=watch.seconds,
            bytes=by_version((dump.ip_version, dump.size) for dump in dumps),
            below_minimum=below_minimum,
            series_left_out=count_by_metric(left_out) if left_out else {},
            unlocked=self._source.unlocked,
            unreadable={network_type(version): reason for version, reason in self._source.unreadable},
            failed_parts=tuple(failed.found),
            in_force=self._source.in_force,
            notes=(*self._source.notes, *found.notes),
            reader=next((dump.reader for dump in dumps), ""),
            refusal=next((dump.refusal for dump in dumps), ""),
        )

    def _failed(self, taken: int, watch: Stopwatch, kind: str, message: str) -> Scan:
        report = ScanReport(
            backend=self._source.backend,
            dataplane="ebpf" if kind == "ebpf_dataplane" else "",
            seconds=watch.seconds,
            unlocked=self._source.unlocked,
        )
        return _without_series(taken, ScanFailure(kind, message), report)


def _without_series(taken: int, failure: ScanFailure, report: ScanReport) -> Scan:
    return Scan(Snapshot(taken / 1e9, failure=failure, report=report))


def _below(planned: Sequence[PlannedRuleset], minimum: int) -> bool:
    """True if a minimum is set and there are kernel's values, none of which reaches it."""
    if not minimum:
        return False
    highest = [
        max(ruleset.ruleset.chains[name].packets(raw.rules))
        for ruleset in planned
        for name, plan in ruleset.plan.endpoints.items()
        for raw in plan.raw
    ]
    return bool(highest) and max(highest) < minimum
