"""The etcd v3 datastore, on python-etcd3 in its living form (`etcd-sdk-python`, import name `pyetcd`).

Its client connects, logs in and reads ranges. Watches go straight to its gRPC stub, for two reasons: its own
watcher drops etcd's reason for refusing a watch, which then hangs forever, and one stream per kind can be
closed from another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pyetcd import etcdrpc
from pyetcd.utils import prefix_range_end

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import CALICO_KINDS, HOST_ENDPOINTS, Decoder
from otel_calico.datastores.etcd_connection import EtcdConnection
from otel_calico.datastores.etcd_errors import explain
from otel_calico.datastores.loop import Pace, SyncedDatastore
from otel_calico.datastores.resources import Raw
from otel_calico.datastores.settings import EtcdSettings
from otel_calico.datastores.source import Batch, HistoryLostError, Listing

PREFIX = "/calico/resources/v3/projectcalico.org/"
PAGE = 5000
_REQUIRE_LEADER = ("hasleader", "true")  # a member cut off from the others ends the watch instead of going silent


class EtcdDatastore(SyncedDatastore):
    """Keeps the lookups equal to Calico's keys in etcd. Needs read on `/calico/resources/v3/projectcalico.org/*`.

    `host_endpoints` asks for that kind too, which only family `workload` needs.

    Raises ValueError for settings that cannot work; whether etcd answers shows in the status.
    """

    def __init__(  # noqa: PLR0913 - where, who, what, how
        self,
        settings: EtcdSettings,
        node_name: str | None,
        interface_prefix: str,
        lookups: Lookups,
        pace: Pace | None = None,
        *,
        host_endpoints: bool = False,
    ) -> None:
        if problems := settings.problems():
            raise ValueError("; ".join(problems))
        kinds = (*CALICO_KINDS, HOST_ENDPOINTS) if host_endpoints else CALICO_KINDS
        super().__init__(EtcdSource(settings), kinds, Decoder(node_name, interface_prefix), lookups, pace)


class EtcdSource:
    """Lists and watches kinds; all of them share one connection."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._connection = EtcdConnection(settings)

    def list(self, kind: str) -> Listing:
        """Read a kind page by page, all pages as of one revision."""
        prefix = f"{PREFIX}{kind}/".encode()
        client = self._connection.client()
        first = self._page(client, prefix, prefix)
        return Listing(str(first.header.revision), self._items(client, prefix, first))

    def watch(self, kind: str, after: str) -> EtcdWatch:
        """Follow a kind after a revision; what changed with that revision itself may come once more."""
        return EtcdWatch(self._connection, self._connection.client(), f"{PREFIX}{kind}/".encode(), int(after))

    def close(self) -> None:
        """Give up the connection; whoever waits for an answer gets an error."""
        self._connection.close()

    def _items(self, client: Any, prefix: bytes, page: Any) -> Iterator[tuple[str, Raw]]:
        revision = page.header.revision
        while True:
            for pair in page.kvs:
                yield _name(pair.key, prefix), pair.value
            if not page.more:
                return
            page = self._page(client, prefix, page.kvs[-1].key + b"\0", revision=revision)

    def _page(self, client: Any, prefix: bytes, start: bytes, **at: int) -> Any:
        with self._connection.errors_explained(client):
            return client.get_range_response(start, prefix_range_end(prefix), limit=PAGE, **at)


class EtcdWatch:
    """One watch stream."""

    def __init__(self, connection: EtcdConnection, client: Any, prefix: bytes, after: int) -> None:
        self._connection, self._client, self._prefix, self._after = connection, client, prefix, after
        self._ended = threading.Event()
        with connection.errors_explained(client):
            stub = etcdrpc.WatchStub(client.channel)
            self._call = stub.Watch(self._requests(), metadata=(*(client.metadata or ()), _REQUIRE_LEADER))
        if not self._call.add_callback(self._ended.set):
            self._ended.set()

    def __iter__(self) -> Iterator[Batch]:
        with self._connection.errors_explained(self._client):
            for response in self._call:
                yield self._batch(response)

    def close(self) -> None:
        """End the stream; from any thread."""
        self._call.cancel()
        self._ended.set()

    def _requests(self) -> Iterator[Any]:
        yield etcdrpc.WatchRequest(
            create_request=etcdrpc.WatchCreateRequest(
                key=self._prefix,
                range_end=prefix_range_end(self._prefix),
                # Not one later: etcd up to 2024 is silent about a deletion at the very revision of a compaction.
                start_revision=self._after,
                progress_notify=True,
            )
        )
        self._ended.wait()  # the stream lives as long as its requests

    def _batch(self, response: Any) -> Batch:
        if response.compact_revision:
            raise HistoryLostError(f"etcd has compacted its history up to revision {response.compact_revision}")
        if response.canceled:
            raise DatastoreError(explain("", response.cancel_reason))
        if response.created:
            if response.header.revision < self._after:
                raise HistoryLostError(f"etcd is at revision {response.header.revision}, behind {self._after}")
            return Batch(str(self._after))
        # A header may run ahead of the events that come with it; a notification without events is complete.
        revision = response.events[-1].kv.mod_revision if response.events else response.header.revision
        changes = [(_name(event.kv.key, self._prefix), _value(event)) for event in response.events]
        return Batch(str(revision), changes)


def _name(key: bytes, prefix: bytes) -> str:
    return key[len(prefix) :].decode(errors="replace")


def _value(event: Any) -> bytes | None:
    return None if event.type == event.DELETE else event.kv.value
