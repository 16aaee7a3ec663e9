"""Logs problems of scans: each once when it begins, and again only after it was gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import structlog

from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.failed_parts import FailedPart, ScanPart
from otel_calico.snapshot import Snapshot

log = structlog.get_logger(__name__)

_MOST_NAMES = 10  # names given in one event; the metrics have the full count


class ScanLog:
    """Remembers what it said last."""

    def __init__(self) -> None:
        self._failure: str | None = None
        self._told: dict[str, frozenset[str]] = {}
        self._unnamed: frozenset[str] = frozenset()
        self._without_chains: frozenset[str] = frozenset()
        self._malformed = 0
        self._unreadable: Collection[str] = ()
        self._notes: frozenset[str] = frozenset()
        self._unlocked = False
        self._in_force: TablesInForce | None = None
        self._below_minimum = False
        self._left_out = False
        self._failed_parts: set[tuple[ScanPart, str]] = set()

    def tell(self, snapshot: Snapshot) -> None:
        """Log what is new in this snapshot."""
        self._tell_failure(snapshot)
        if snapshot.failure:
            return
        report = snapshot.report
        self._tell_failed_parts(report.failed_parts)
        self._tell_names("interfaces_without_workload", report.interfaces_without_workload)
        self._tell_names("missing_chains", report.missing_chains)
        self._tell_names("tier_comments_contradicted", report.contradicted_tiers)
        unnamed, self._unnamed = self._unnamed, frozenset(report.chains_without_name)
        # Only at the second scan: the first one makes the datastore watch the policies that it needs.
        self._tell_names("chains_without_name", unnamed & self._unnamed)
        # Likewise: a pod that starts has no chains for a moment.
        without, self._without_chains = self._without_chains, frozenset(report.workloads_without_chains)
        self._tell_names("workloads_without_chains", without & self._without_chains)
        if report.malformed_lines and not self._malformed:
            log.warning("malformed_lines", lines=report.malformed_lines)
        for note in sorted(set(report.notes) - self._notes):
            log.warning("rules_read_with_a_note", note=note)
        if report.in_force and report.in_force != self._in_force:
            log.warning(
                "several_tables_in_force",
                current=report.in_force.current,
                former=report.in_force.former,
                told_by=report.in_force.evidence.name.lower(),
                remedy="otel-calico check prints the commands that remove what is left over",
            )
        for ip_version in report.unreadable.keys() - self._unreadable:
            log.warning(
                "ip_version_unreadable",
                ip_version=ip_version,
                reason=report.unreadable[ip_version],
                remedy="its rules are left out and tried again every minute: run the program by hand on the node",
            )
        if report.unlocked and not self._unlocked:
            log.warning(
                "xtables_lock_unavailable",
                remedy="mount the host's /run/xtables.lock; until then counters that all fall are read again",
            )
        if report.below_minimum and not self._below_minimum:
            log.info("scan_below_minimum_counter")
        if report.series_left_out and not self._left_out:
            left_out = {metric.exposed: count for metric, count in report.series_left_out.items()}
            log.warning("series_limit_reached", left_out=left_out, remedy="raise metrics.series_limit, or ask for less")
        self._left_out = bool(report.series_left_out)
        self._malformed, self._unlocked = report.malformed_lines, report.unlocked
        self._unreadable, self._notes = report.unreadable.keys(), frozenset(report.notes)
        self._below_minimum, self._in_force = report.below_minimum, report.in_force

    def _tell_failure(self, snapshot: Snapshot) -> None:
        failure = snapshot.failure
        kind = failure.kind if failure else None
        if failure and kind != self._failure:
            log.error("scan_failed", kind=kind, reason=failure.message)
        elif self._failure and not failure:
            log.info("scan_recovered", backend=snapshot.report.backend, seconds=dict(snapshot.report.seconds))
        self._failure = kind

    def _tell_failed_parts(self, failed_parts: Iterable[FailedPart]) -> None:
        """Each kind of error of each part once for all, with its traceback: a fault may come back with every scan."""
        for failed in failed_parts:
            kind = failed.part, failed.kind
            if kind not in self._failed_parts:
                self._failed_parts.add(kind)
                log.error(
                    "scan_part_failed",
                    part=failed.part.value,
                    chain=failed.chain,
                    remedy="its series are left out; a fault of otel-calico's own: file a bug with this traceback",
                    exception="".join(failed.error.format()).rstrip("\n"),
                )

    def _tell_names(self, event: str, names: Iterable[str]) -> None:
        found = frozenset(names)
        new = sorted(found - self._told.get(event, frozenset()))
        if new:
            log.warning(event, names=new[:_MOST_NAMES], count=len(new))
        self._told[event] = found
