"""Readiness: asked every few seconds by probes, it costs no more than it must."""

from __future__ import annotations

from wsgiref.util import setup_testing_defaults

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.series import Snapshot
from otel_calico.telemetry.endpoints import Endpoints
from otel_calico.telemetry.scans import Scans


def test_before_the_datastore_is_in_sync_readiness_says_so_without_a_scan() -> None:
    scans_made: list[Snapshot] = []
    answered: list[str] = []

    def take() -> Snapshot:
        scans_made.append(Snapshot(0.0))
        return scans_made[-1]

    unlisted = DatastoreStatus({"pods": KindStatus(last_error="connection refused")})
    endpoints = Endpoints("node-1", None, Scans(take), lambda: unlisted)
    environ = {"PATH_INFO": "/readyz", "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)

    body = b"".join(endpoints(environ, lambda status, *_: answered.append(status)))  # type: ignore[arg-type]

    assert (answered, scans_made) == (["503 Service Unavailable"], [])
    assert b"pods: connection refused" in body
