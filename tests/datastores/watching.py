"""What tests do with a watched datastore, whichever it is: start it, wait for it, ask what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.watched_datastore import WatchedDatastore
from tests.node.programs import wait_until

NODE = "node-1"
QUICK = Backoff(minimum=0.05, maximum=0.2)

_D = TypeVar("_D", bound=WatchedDatastore)


@contextmanager
def running() -> Iterator[Callable[[_D], _D]]:
    """Starts datastores; all stop with the block."""
    with ExitStack() as stops:

        def started(datastore: _D) -> _D:
            datastore.start()
            stops.callback(datastore.stop)
            return datastore

        yield started


def in_sync(datastore: Datastore) -> None:
    """Wait until every kind was listed."""
    wait_until(lambda: datastore.status().in_sync, "in sync")


def connected(datastore: Datastore) -> None:
    """Wait until every kind is watched."""
    wait_until(lambda: all(kind.connected for kind in datastore.status().kinds.values()), "all kinds are watched")


def the_one_error(datastore: Datastore) -> str:
    """What every kind says when nothing can be had. Stops the datastore."""
    wait_until(lambda: all(kind.errors for kind in datastore.status().kinds.values()), "errors")
    status = datastore.status()
    datastore.stop()
    (text,) = {kind.last_error for kind in status.kinds.values()}
    assert not status.in_sync
    assert status.unready_reasons == tuple(f"{kind}: {text}" for kind in status.kinds)
    return text
