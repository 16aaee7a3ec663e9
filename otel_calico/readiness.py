"""Whether the service is ready, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.snapshot import ScanReport, Snapshot

_MOST_NAMES = 5
_REMEDY = "`otel-calico check` tells what to do."


@dataclass(frozen=True, slots=True)
class Readiness:
    """One line each: what is `missing` keeps the service from being ready, and names the remedy; `notes` do not."""

    missing: Sequence[str]
    notes: Sequence[str]


def readiness(status: DatastoreStatus, snapshot: Snapshot | None) -> Readiness:
    """What the datastore and the latest scan, if there was one, let the service be."""
    unread = map(_with_remedy, unread_rules(snapshot.report)) if snapshot else ()
    return Readiness(list(_missing(status, snapshot)), [*_watched(status), *_interrupted(status), *unread])


def unread_rules(report: ScanReport) -> Iterator[str]:
    """What a scan could not read or had to choose: a sentence each, without a full stop.

    The service shows the rest; whoever looks at it must know.
    """
    if report.in_force:
        yield str(report.in_force)
    for version, reason in report.unreadable.items():
        yield f"{version} is left out: {reason}"
    if lines := report.malformed_lines:
        yield f"{lines} line{'' if lines == 1 else 's'} of the rules could not be read: what they counted is left out"
    if missing := report.missing_chains:
        yield f"rules jump to chains that are missing, whose own counts are left out: {some(missing)}"
    if failed := {one.chain or one.part.value for one in report.failed_parts}:
        yield f"a fault of otel-calico's own leaves out {some(failed)}: file a bug with the traceback in the log"
    yield from report.notes


def _missing(status: DatastoreStatus, snapshot: Snapshot | None) -> Iterator[str]:
    for reason in status.unready_reasons:
        yield _with_remedy(reason)
    if snapshot and snapshot.failure:
        failure = snapshot.failure
        yield _with_remedy(f"last scan failed ({failure.kind}): {failure.message}")


def _watched(status: DatastoreStatus) -> Iterator[str]:
    """Which kinds of the datastore are watched, and why the others are not; nothing if all are."""
    if status.unwatched:
        yield f"watched: {', '.join(status.kinds)}"
    for reason, kinds in status.unwatched_by_reason.items():
        yield f"not watched: {', '.join(kinds)} ({reason})"


def _interrupted(status: DatastoreStatus) -> Iterator[str]:
    """Kinds whose changes do not arrive now: the service goes on with what it knew last."""
    for name, kind in status.kinds.items():
        if kind.in_sync and not kind.connected:
            yield f"{name}: not watched now, the last known state is used. {kind.last_error}".rstrip()


def some(names: Collection[str]) -> str:
    """The first names in their order, and how many more there are."""
    listed = ", ".join(sorted(names)[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{listed} and {more} more" if more > 0 else listed


def _with_remedy(reason: str) -> str:
    end = "" if reason.endswith((".", "?")) else "."
    return f"{reason}{end} {_REMEDY}"
