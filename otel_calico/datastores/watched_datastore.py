"""A datastore that can list and watch: one reflector per watched kind keeps the lookups up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import structlog

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.list_watch import ListWatch
from otel_calico.datastores.reflector import Reflector, ResourceDecoder
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.datastores.watched_kinds import WatchedKinds

log = structlog.get_logger(__name__)


class WatchedDatastore:
    """Base of the etcd and the Kubernetes datastore."""

    def __init__(
        self,
        list_watch: ListWatch,
        kinds: WatchedKinds,
        decoder: ResourceDecoder,
        lookups: Lookups,
        backoff: Backoff | None = None,
    ) -> None:
        self._list_watch = list_watch
        self._kinds = kinds
        self._decoder = decoder
        self._lookups = lookups
        self._backoff = backoff or Backoff()
        self._changing = threading.Lock()
        self._running = False
        self._reflectors = {kind: self._reflector(kind) for kind in kinds.now}
        self._ending: dict[str, Reflector] = {}

    def start(self) -> None:
        """Start in the background; errors are reported in the status."""
        with self._changing:
            self._running = True
            for reflector in self._reflectors.values():
                reflector.start()

    def need(self, policies: Collection[PolicyKind]) -> None:
        """Watch these kinds of policy, and end watches that are no longer needed. Thread-safe; does not wait."""
        with self._changing:
            self._kinds.need(policies, time.monotonic())
            if self._running and list(self._reflectors) != self._kinds.now:
                self._follow(self._kinds.now)

    def relist(self, kind: str) -> None:
        """List a kind again, if it is watched. Thread-safe."""
        if reflector := self._reflectors.get(kind):
            reflector.relist()

    def stop(self) -> None:
        """End within a second; the lookups keep their resources."""
        with self._changing:
            self._running = False
            reflectors = [*self._reflectors.values(), *self._ending.values()]
        for reflector in reflectors:
            reflector.stop()
        self._list_watch.close()
        end = time.monotonic() + 1
        for reflector in reflectors:
            reflector.join(timeout=max(0, end - time.monotonic()))

    def status(self) -> DatastoreStatus:
        """The state of every watched kind, and why the others are not watched."""
        kinds = {kind: reflector.status for kind, reflector in self._reflectors.items()}
        return DatastoreStatus(kinds, self._kinds.unwatched)

    def _follow(self, wanted: Collection[str]) -> None:
        """Start and end reflectors. A kind whose former reflector has not ended yet waits for the next scan."""
        self._ending = {kind: reflector for kind, reflector in self._ending.items() if reflector.alive}
        running = dict(self._reflectors)
        for kind in running.keys() - wanted:
            self._ending[kind] = running.pop(kind)
            self._ending[kind].forget()
            log.info("datastore_kind_ended", kind=kind)
        for kind in wanted:
            if kind not in running and kind not in self._ending:
                running[kind] = self._reflector(kind)
                running[kind].start(at_once=True)
                log.info("datastore_kind_started", kind=kind)
        self._reflectors = {kind: running[kind] for kind in wanted if kind in running}

    def _reflector(self, kind: str) -> Reflector:
        return Reflector(kind, self._list_watch, self._decoder, self._lookups, self._backoff)
