"""Whether the service is ready, and what is missing. Pure."""

from __future__ import annotations

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.series import Snapshot

_REMEDY = "`otel-calico check` tells what to do."


def missing(status: DatastoreStatus, snapshot: Snapshot | None) -> list[str]:
    """What keeps the service from being ready, one line each with the remedy; empty if it is ready."""
    lines = [_sentences(reason) for reason in status.unready_reasons]
    if snapshot is not None and snapshot.failure is not None:
        failure = snapshot.failure
        lines.append(_sentences(f"last scan failed ({failure.kind}): {failure.message}"))
    return lines


def disconnected(status: DatastoreStatus) -> list[str]:
    """Kinds whose changes do not arrive now, one line each: the service is ready, with what it knew last."""
    return [
        f"{name}: not watched now, the last known state is used. {kind.last_error}".rstrip()
        for name, kind in status.kinds.items()
        if kind.in_sync and not kind.connected
    ]


def _sentences(reason: str) -> str:
    end = "" if reason.endswith((".", "?")) else "."
    return f"{reason}{end} {_REMEDY}"
