"""Waits until a datastore is in sync, so that names are known before the first scan."""

from __future__ import annotations

import threading
import time

from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.status import DatastoreStatus

_POLL = 0.02
"""Seconds between two looks at the status."""


def wait_in_sync(datastore: Datastore, seconds: float, stop: threading.Event | None = None) -> DatastoreStatus:
    """Wait until every kind is listed, the time is over or `stop` is set. Returns the last status."""
    stop = stop or threading.Event()
    deadline = time.monotonic() + seconds
    while not (status := datastore.status()).in_sync and time.monotonic() < deadline and not stop.wait(_POLL):
        pass
    return status
