"""Whether the service is ready, and what is missing. Pure."""

from __future__ import annotations

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.series import Snapshot

_REMEDY = "`otel-calico check` tells what to do."


def missing(status: DatastoreStatus, snapshot: Snapshot) -> list[str]:
    """What keeps the service from being ready, one line each with the remedy; empty if it is ready."""
    lines = [f"{reason.rstrip('.')}. {_REMEDY}" for reason in status.unready_reasons]
    if snapshot.failure is not None:
        failure = snapshot.failure
        lines.append(f"last scan failed ({failure.kind}): {failure.message.rstrip('.')}. {_REMEDY}")
    return lines
