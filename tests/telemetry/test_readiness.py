"""Readiness: asked every few seconds by probes, it costs no more than it must."""

from __future__ import annotations

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.series import Snapshot
from otel_calico.telemetry.endpoints import Endpoints
from otel_calico.telemetry.scans import Scans
from otel_calico.web.message import Request


def test_before_the_datastore_is_in_sync_readiness_says_so_without_a_scan() -> None:
    scans_made: list[Snapshot] = []

    def take() -> Snapshot:
        scans_made.append(Snapshot(0.0))
        return scans_made[-1]

    unlisted = DatastoreStatus({"pods": KindStatus(last_error="connection refused")})
    endpoints = Endpoints("node-1", None, Scans(take), lambda: unlisted)

    response = endpoints(Request("GET", "/readyz"))

    assert (response.status, scans_made) == (503, [])
    assert b"pods: connection refused" in response.body
