"""Scans a node with the eBPF dataplane: its maps and programs read, planned and accounted for."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog

from otel_calico.accounting.cardinality import Cardinality, count_by_metric
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind
from otel_calico.ebpf.account import EbpfAccount
from otel_calico.ebpf.counted import Counted
from otel_calico.ebpf.id_search import IdSearch
from otel_calico.ebpf.look import EbpfLook
from otel_calico.ebpf.notes import notes
from otel_calico.ebpf.state import DebugFiles, EbpfState
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.scanning.ruleset_scanner import Stopwatch
from otel_calico.scanning.scan import Scan
from otel_calico.snapshot import EbpfReport, ScanFailure, ScanReport, Snapshot
from otel_calico.sources.ebpf import EbpfSource
from otel_calico.sources.ruleset_source import SourceError

log = structlog.get_logger(__name__)


class EbpfScanner:
    """Scans again and again, remembering what was counted. Used by one thread at a time."""

    def __init__(self, source: EbpfSource, lookups: Lookups, settings: ScanSettings) -> None:
        self._source = source
        self._lookups = lookups
        self._settings = settings
        self.restart()

    @property
    def lookups_version(self) -> int:
        """The version of the lookups that the next scan would use."""
        return self._lookups.version

    def is_on(self) -> bool:
        """Whether the node runs this dataplane now."""
        return self._source.is_on()

    def restart(self) -> None:
        """Start every account anew."""
        self._account = EbpfAccount(self._lookups, self._settings.series)
        self._cardinality = Cardinality(self._settings.cardinality)
        self._search = IdSearch()

    def close(self) -> None:
        """Nothing to end: a scan takes milliseconds."""

    def scan(self) -> Scan:
        """A new scan. Never raises: what goes wrong makes it a failed one."""
        taken = time.time_ns()
        watch = Stopwatch()
        try:
            return self._measure(taken, watch)
        except SourceError as error:
            failure = ScanFailure(error.kind, str(error))
        except Exception as error:  # an exporter whose callback raises would lose its metrics without a word
            log.exception("scan_crashed")
            failure = ScanFailure("internal_error", f"{type(error).__name__}: {error}")
        report = ScanReport(backend=self._source.backend, dataplane="ebpf", seconds=watch.seconds)
        return Scan(Snapshot(taken / 1e9, failure=failure, report=report))

    def _measure(self, taken: int, watch: Stopwatch) -> Scan:
        state = self._source.read()
        watch.lap("read")
        found = self._found(state)
        watch.lap("attribute")
        readings = self._cardinality.shown(self._account.read(state, found, taken))
        watch.lap("account")
        left_out = self._cardinality.left_out
        report = ScanReport(
            backend=self._source.backend,
            dataplane="ebpf",
            seconds=watch.seconds,
            kinds_needed=frozenset(PolicyKind) if _searches(state) else frozenset(),
            interfaces_without_workload=self._account.plan.interfaces_without_workload,
            series_left_out=count_by_metric(left_out) if left_out else {},
            ebpf=self._report(state),
            notes=tuple(notes(state)),
        )
        snapshot = Snapshot(taken / 1e9, readings, left_out, report=report)
        return Scan(snapshot, ebpf=EbpfLook(state, self._account.plan))

    def _found(self, state: EbpfState) -> Mapping[int, Counted]:
        """What ids count, computed from the datastore's policies where the programs cannot be read."""
        return self._search.look(state, self._lookups) if _searches(state) else {}

    def _report(self, state: EbpfState) -> EbpfReport:
        return EbpfReport(
            entries=len(state.rules),
            capacity=state.capacity,
            unknown_ids=self._account.unknown_ids,
            incomplete_files=state.programs.incomplete,
            debug_files=state.programs.files.value,
        )


def _searches(state: EbpfState) -> bool:
    """Whether the names of policies are found by computing ids, which needs all policies of the datastore."""
    return state.programs.files is DebugFiles.UNREADABLE
