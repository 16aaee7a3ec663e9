"""Keeps one kind of resource in the lookups equal to the datastore: list → replace → in sync → watch → apply.

Shared by every datastore that can list and watch; each offers a `Source`. Rules, after
`libcalico-go/lib/backend/watchersyncer/watchercache.go`: the cache is kept through every failure, a watch resumes
after the last revision seen, and a kind is listed anew when its history is lost or the watch fails again and again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Resource
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.resources import InvalidResourceError, Raw
from otel_calico.datastores.source import Batch, HistoryLostError, Source, Watch
from otel_calico.datastores.status import DatastoreStatus, KindStatus

log = structlog.get_logger(__name__)

_FAILURES_BEFORE_LISTING = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently a loop tries again, in seconds.

    `minimum` lies between two attempts, `ceiling` bounds the exponential back-off, and a watch that stood for
    `steady` makes the back-off start afresh. Listings that all nodes of a cluster want at once, at the start and when
    history is lost, begin at some moment within `spread`.
    """

    minimum: float = 0.5
    ceiling: float = 30
    steady: float = 10
    spread: float = 0


class Decodes(Protocol):
    """What a loop needs of a decoder (`decode.py`)."""

    def decode(self, kind: str, key: str, raw: Raw) -> Resource | None:
        """None for what no scan could ask for. Raises InvalidResourceError."""


class KindLoop:
    """The thread of one kind."""

    def __init__(self, kind: str, source: Source, decoder: Decodes, lookups: Lookups, pace: Pace) -> None:
        self.kind = kind
        self._source = source
        self._decoder = decoder
        self._lookups = lookups
        self._pace = pace
        self._revision: str | None = None
        self._asked_to_list = False
        self._connected_before = False
        self._failures = 0
        self._watching: Watch | None = None
        self._state = KindStatus()
        self._told = self._state, self._state  # the state that was told last, and how
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"datastore-{kind}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()
        if self._watching is not None:
            self._watching.close()

    def list_again(self) -> None:
        """Have the kind listed anew, at once; from any thread."""
        self._asked_to_list = True
        if self._watching is not None:
            self._watching.close()

    def join(self, timeout: float) -> None:
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def status(self) -> KindStatus:
        """Asked for at every scrape, and mostly the same: then the same object too."""
        state, held = self._state, len(self._lookups.held(self.kind))
        of_state, status = self._told
        if of_state is not state or status.held != held:
            status = replace(state, held=held)
            self._told = state, status
        return status

    def _run(self) -> None:
        self._stopping.wait(self._spread())
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if self._revision is None or self._asked_to_list:
                    self._list()
                self._follow()
            except HistoryLostError as lost:
                self._revision = None
                self._disconnected()
                log.info("datastore_history_lost", kind=self.kind, reason=str(lost))
                self._stopping.wait(self._spread())
            except Exception as error:  # noqa: BLE001 - a loop that dies leaves a cache that lies
                if not self._stopping.is_set():
                    self._failed(error)
            self._stopping.wait(self._pause(began))

    def _list(self) -> None:
        self._asked_to_list = False
        listing = self._source.list(self.kind)
        decoded = ((key, self._decode(key, raw)) for key, raw in listing.items)
        resources = {key: resource for key, resource in decoded if resource is not None}
        self._lookups.replace(self.kind, resources)
        self._revision = listing.revision
        self._state = replace(self._state, in_sync=True)
        log.info("datastore_listed", kind=self.kind, held=len(resources), revision=listing.revision)

    def _follow(self) -> None:
        assert self._revision is not None  # noqa: S101 - listed before
        began = time.monotonic()
        self._watching = self._source.watch(self.kind, self._revision)
        try:
            if self._stopping.is_set() or self._asked_to_list:
                return
            for batch in self._watching:
                self._connected()
                self._apply(batch)
            self._disconnected()
        finally:
            self._watching.close()
            if time.monotonic() - began > self._pace.steady:
                self._failures = 0

    def _apply(self, batch: Batch) -> None:
        for key, raw in batch.changes:
            resource = None if raw is None else self._decode(key, raw)
            if resource is None:
                self._lookups.remove(self.kind, key)
            else:
                self._lookups.put(self.kind, key, resource)
        self._revision = batch.revision

    def _decode(self, key: str, raw: Raw) -> Resource | None:
        try:
            return self._decoder.decode(self.kind, key, raw)
        except InvalidResourceError as invalid:
            self._state = replace(self._state, decode_failures=self._state.decode_failures + 1)
            log.warning("resource_invalid", kind=self.kind, key=key, reason=str(invalid))
            return None

    def _connected(self) -> None:
        state = self._state
        if state.connected:
            return
        if self._connected_before:
            state = replace(state, reconnects=state.reconnects + 1)
            log.info("datastore_reconnected", kind=self.kind)
        self._connected_before = True
        self._state = replace(state, connected=True, last_error="")

    def _disconnected(self) -> None:
        self._state = replace(self._state, connected=False)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures % _FAILURES_BEFORE_LISTING == 0:
            self._revision = None
        text = str(error) if isinstance(error, DatastoreError) else f"unexpected {type(error).__name__}: {error}"
        if text != self._state.last_error:
            log.warning("datastore_disconnected", kind=self.kind, error=text)
        self._state = replace(self._state, connected=False, errors=self._state.errors + 1, last_error=text)

    def _spread(self) -> float:
        return random.uniform(0, self._pace.spread)  # noqa: S311 - spreads the nodes

    def _pause(self, began: float) -> float:
        """Full jitter, so that the nodes of a cluster do not come back in step."""
        doublings = min(self._failures, 16)
        backoff = min(self._pace.ceiling, self._pace.minimum * 2**doublings) if doublings else 0
        return max(random.uniform(0, backoff), self._pace.minimum - (time.monotonic() - began))  # noqa: S311 - the same


class SyncedDatastore:
    """A datastore that is a source and one loop per kind."""

    def __init__(
        self, source: Source, kinds: Iterable[str], decoder: Decodes, lookups: Lookups, pace: Pace | None = None
    ) -> None:
        self._source = source
        self._loops = [KindLoop(kind, source, decoder, lookups, pace or Pace()) for kind in kinds]

    def start(self) -> None:
        """Begin in the background; errors show in the status."""
        for loop in self._loops:
            loop.start()

    def list_again(self, kind: str) -> None:
        """Have a kind listed anew; from any thread."""
        for loop in self._loops:
            if loop.kind == kind:
                loop.list_again()

    def stop(self) -> None:
        """End within a second; the lookups keep what they hold."""
        for loop in self._loops:
            loop.stop()
        self._source.close()
        end = time.monotonic() + 1
        for loop in self._loops:
            loop.join(timeout=max(0, end - time.monotonic()))

    def status(self) -> DatastoreStatus:
        """The state of every kind now."""
        return DatastoreStatus({loop.kind: loop.status for loop in self._loops})
