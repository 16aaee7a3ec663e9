"""Waits for a datastore, so that names are there before anybody asks for them."""

from __future__ import annotations

import threading
import time

from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.status import DatastoreStatus

_LOOK_AGAIN = 0.02
"""Seconds."""


def wait_in_sync(datastore: Datastore, seconds: float, stop: threading.Event | None = None) -> DatastoreStatus:
    """Wait until every kind was listed, the time is over or `stop` is set. Returns the state then."""
    stop = stop or threading.Event()
    deadline = time.monotonic() + seconds
    while not (status := datastore.status()).in_sync and time.monotonic() < deadline and not stop.wait(_LOOK_AGAIN):
        pass
    return status
