"""Keeps one kind of resource in the lookups equal to the datastore: list, replace, in sync, watch, apply.

Rules, after `libcalico-go/lib/backend/watchersyncer/watchercache.go`: a failure never empties the cache, a watch
resumes from the last revision seen, and a kind is listed again when its history is lost or the watch keeps failing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Protocol

import structlog

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Resource
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.list_watch import Batch, ListWatch, RelistDueError, RelistRequiredError, Watch
from otel_calico.datastores.resources import InvalidResourceError, Raw
from otel_calico.datastores.status import KindStatus

log = structlog.get_logger(__name__)

_FAILURES_BEFORE_RELIST = 5


class ResourceDecoder(Protocol):
    """The part of a decoder (`decode.py`) that a reflector uses."""

    def decode(self, kind: str, key: str, raw: Raw) -> Resource | None:
        """None for resources that no scan of this node needs. Raises InvalidResourceError."""


class Reflector:
    """The thread of one kind."""

    def __init__(
        self, kind: str, list_watch: ListWatch, decoder: ResourceDecoder, lookups: Lookups, backoff: Backoff
    ) -> None:
        self.kind = kind
        self._list_watch = list_watch
        self._decoder = decoder
        self._lookups = lookups
        self._backoff = backoff
        self._revision: str | None = None
        self._relist_requested = False
        self._forgetting = False
        self._at_once = False
        self._connected_before = False
        self._failures = 0
        self._current_watch: Watch | None = None
        self._state = KindStatus()
        self._reported = self._state, self._state  # the state reported last, without and with `held`
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"datastore-{kind}", daemon=True)

    def start(self, *, at_once: bool = False) -> None:
        """Start the thread. `at_once`: other nodes do not start it at the same moment, so the list is not delayed."""
        self._at_once = at_once
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()
        self._close_watch()

    def forget(self) -> None:
        """Ask the thread to end, and to remove the kind from the lookups."""
        self._forgetting = True
        self.stop()

    def relist(self) -> None:
        """List the kind again at once. Thread-safe."""
        self._relist_requested = True
        self._close_watch()

    def join(self, timeout: float) -> None:
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    @property
    def status(self) -> KindStatus:
        """The state now; the same object as long as nothing changes, because every scrape asks for it."""
        state, held = self._state, len(self._lookups.held(self.kind))
        reported_state, status = self._reported
        if reported_state is not state or status.held != held:
            status = replace(state, held=held)
            self._reported = state, status
        return status

    def _run(self) -> None:
        if not self._at_once:
            self._stopping.wait(self._backoff.list_delay())
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if self._revision is None or self._relist_requested:
                    self._list()
                self._watch()
            except RelistDueError:
                self._relist_requested = True
            except RelistRequiredError as error:
                self._revision = None
                self._disconnected()
                log.info("datastore_history_lost", kind=self.kind, reason=str(error))
                self._stopping.wait(self._backoff.list_delay())
            except Exception as error:  # noqa: BLE001 - if the thread died, the lookups would stay outdated unnoticed
                if not self._stopping.is_set():
                    self._failed(error)
            self._stopping.wait(self._backoff.delay(self._failures, time.monotonic() - began))
        if self._forgetting:
            self._lookups.replace(self.kind, {})

    def _list(self) -> None:
        self._relist_requested = False
        try:
            listing = self._list_watch.list(self.kind)
            decoded = ((key, self._decode(key, raw)) for key, raw in listing.items)
            resources = {key: resource for key, resource in decoded if resource is not None}
        except Exception:
            self._relist_requested = True
            raise
        self._lookups.replace(self.kind, resources)
        self._revision = listing.revision
        self._state = replace(self._state, in_sync=True)
        log.info("datastore_listed", kind=self.kind, held=len(resources), revision=listing.revision)

    def _watch(self) -> None:
        assert self._revision is not None  # noqa: S101 - set by the list before
        began = time.monotonic()
        self._current_watch = self._list_watch.watch(self.kind, self._revision)
        try:
            if self._stopping.is_set() or self._relist_requested:
                return
            for batch in self._current_watch:
                self._connected()
                self._apply(batch)
            self._disconnected()
        finally:
            self._current_watch.close()
            if time.monotonic() - began > self._backoff.reset_after:
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

    def _close_watch(self) -> None:
        if self._current_watch is not None:
            self._current_watch.close()

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
        if self._failures % _FAILURES_BEFORE_RELIST == 0:
            self._revision = None
        text = str(error) if isinstance(error, DatastoreError) else f"unexpected {type(error).__name__}: {error}"
        if text != self._state.last_error:
            log.warning("datastore_disconnected", kind=self.kind, error=text)
        self._state = replace(self._state, connected=False, errors=self._state.errors + 1, last_error=text)
