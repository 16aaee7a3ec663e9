"""A datastore that can list and watch: one reflector per kind keeps the lookups up to date."""

from __future__ import annotations

import time
from collections.abc import Iterable

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.list_watch import ListWatch
from otel_calico.datastores.reflector import Reflector, ResourceDecoder
from otel_calico.datastores.status import DatastoreStatus


class WatchedDatastore:
    """Base of the etcd and the Kubernetes datastore."""

    def __init__(
        self,
        list_watch: ListWatch,
        kinds: Iterable[str],
        decoder: ResourceDecoder,
        lookups: Lookups,
        backoff: Backoff | None = None,
    ) -> None:
        self._list_watch = list_watch
        backoff = backoff or Backoff()
        self._reflectors = {kind: Reflector(kind, list_watch, decoder, lookups, backoff) for kind in kinds}

    def start(self) -> None:
        """Start in the background; errors are reported in the status."""
        for reflector in self._reflectors.values():
            reflector.start()

    def relist(self, kind: str) -> None:
        """List a kind again. Thread-safe."""
        self._reflectors[kind].relist()

    def stop(self) -> None:
        """End within a second; the lookups keep their resources."""
        for reflector in self._reflectors.values():
            reflector.stop()
        self._list_watch.close()
        end = time.monotonic() + 1
        for reflector in self._reflectors.values():
            reflector.join(timeout=max(0, end - time.monotonic()))

    def status(self) -> DatastoreStatus:
        """The state of every kind."""
        return DatastoreStatus({kind: reflector.status for kind, reflector in self._reflectors.items()})
