"""The shared loop over a list-watch that does what a test says: what no server can be made to do on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import Decoder
from otel_calico.datastores.list_watch import Batch, Listing, RelistDueError, RelistRequiredError
from otel_calico.datastores.watched_datastore import WatchedDatastore
from otel_calico.datastores.watched_kinds import WatchedKinds
from tests.node.programs import wait_until

from .cluster import endpoint

WORKLOADS = WatchedKinds(["workloadendpoints"], [])
Step = Callable[[], Batch]


class ScriptedWatch:
    """Takes steps until they are used up, then waits to be closed."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        while self._steps:
            yield self._steps.pop(0)()
        self._closed.wait()

    def close(self) -> None:
        self._closed.set()


class ScriptedListWatch:
    """Lists what it holds; its watches share one script. `asked` tells what was asked of it."""

    def __init__(self, *steps: Step) -> None:
        self.held = {"shop/a": endpoint("a", "cali1")}
        self.asked: list[str] = []
        self.refused_lists: set[int] = set()  # by number, from 1 on
        self._steps = list(steps)

    def list(self, kind: str) -> Listing:
        self.asked.append(f"list {kind}")
        if self.asked.count(f"list {kind}") in self.refused_lists:
            raise DatastoreError("refused")
        return Listing(self.held.items(), "7")

    def watch(self, kind: str, after: str) -> ScriptedWatch:
        self.asked.append(f"watch {kind} after {after}")
        return ScriptedWatch(self._steps)

    def close(self) -> None:
        self.asked.append("close")


def failing(error: Exception) -> Step:
    def step() -> Batch:
        raise error

    return step


def run(list_watch: ScriptedListWatch, lookups: Lookups, asked: int) -> WatchedDatastore:
    """Run until the list_watch was asked that often and all is well again, then stop."""
    datastore = WatchedDatastore(list_watch, WORKLOADS, Decoder(None), lookups, Backoff(0.01, 0.02))
    datastore.start()
    try:
        wait_until(lambda: len(list_watch.asked) >= asked)
        time.sleep(0.02)
    finally:
        datastore.stop()
    return datastore


LIST, WATCH_7, WATCH_9 = "list workloadendpoints", *(f"watch workloadendpoints after {n}" for n in (7, 9))


def test_a_watch_resumes_after_the_last_revision_seen() -> None:
    lookups = Lookups()
    changes = (("shop/b", endpoint("b", "cali2")), ("shop/a", None), ("shop/c", b"nonsense"))
    list_watch = ScriptedListWatch(lambda: Batch("9", changes), failing(DatastoreError("gone")), lambda: Batch("9"))
    datastore = run(list_watch, lookups, asked=3)
    assert list_watch.asked == [LIST, WATCH_7, WATCH_9, "close"]
    assert list(lookups.interfaces()) == ["cali2"]
    status = datastore.status().kinds["workloadendpoints"]
    assert (status.errors, status.reconnects, status.decode_failures, status.held) == (1, 1, 1, 1)


def test_lost_history_is_no_error_and_lists_again() -> None:
    lookups = Lookups()
    list_watch = ScriptedListWatch(failing(RelistRequiredError("compacted")))
    datastore = run(list_watch, lookups, asked=4)
    assert list_watch.asked == [LIST, WATCH_7, LIST, WATCH_7, "close"]
    assert datastore.status().kinds["workloadendpoints"].errors == 0


def test_a_list_that_is_due_and_fails_is_tried_again_and_meanwhile_the_kind_is_not_connected() -> None:
    lookups = Lookups()
    list_watch = ScriptedListWatch(lambda: Batch("7"), failing(RelistDueError()))
    list_watch.refused_lists = {2, 3}
    datastore = run(list_watch, lookups, asked=6)
    assert list_watch.asked == [LIST, WATCH_7, LIST, LIST, LIST, WATCH_7, "close"]
    status = datastore.status().kinds["workloadendpoints"]
    assert (status.errors, status.reconnects, status.held) == (2, 0, 1)


@pytest.mark.parametrize("error", [DatastoreError("refused"), KeyError("a defect of ours")])
def test_a_watch_that_fails_five_times_lists_again(error: Exception) -> None:
    lookups = Lookups()
    list_watch = ScriptedListWatch(*[failing(error)] * 5)
    datastore = run(list_watch, lookups, asked=8)
    assert list_watch.asked == [LIST, *[WATCH_7] * 5, LIST, WATCH_7, "close"]
    status = datastore.status().kinds["workloadendpoints"]
    assert (status.in_sync, status.errors, status.held) == (True, 5, 1)


@pytest.mark.slow
def test_attempts_keep_their_distance() -> None:
    list_watch = ScriptedListWatch(*[failing(DatastoreError("refused"))] * 50)
    datastore = WatchedDatastore(list_watch, WORKLOADS, Decoder(None), Lookups(), Backoff(minimum=0.1, maximum=0.1))
    datastore.start()
    time.sleep(0.55)
    datastore.stop()
    assert 3 <= list_watch.asked.count(WATCH_7) <= 6
    assert datastore.status().kinds["workloadendpoints"].last_error == "refused"
