"""Lists and watches kinds in etcd. Keys: `libcalico-go/lib/backend/model/resource.go`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pyetcd import etcdrpc
from pyetcd.utils import prefix_range_end

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.etcd.etcd_client import EtcdClient
from otel_calico.datastores.etcd.etcd_connection import EtcdConnection
from otel_calico.datastores.etcd.etcd_errors import describe
from otel_calico.datastores.list_watch import Batch, Listing, RelistRequiredError
from otel_calico.datastores.resources import Raw

PREFIX = "/calico/resources/v3/projectcalico.org/"
PAGE = 5000


class EtcdListWatch:
    """All kinds share one connection."""

    def __init__(self, access: EtcdAccess) -> None:
        self._connection = EtcdConnection(access)

    def list(self, kind: str) -> Listing:
        """Read a kind page by page, all pages at one revision."""
        prefix = f"{PREFIX}{kind}/".encode()
        client = self._connection.client()
        first = self._page(client, prefix, prefix)
        return Listing(self._items(client, prefix, first), str(first.header.revision))

    def watch(self, kind: str, after: str) -> EtcdWatch:
        """Watch a kind; changes of the revision `after` itself may be repeated."""
        return EtcdWatch(self._connection, self._connection.client(), f"{PREFIX}{kind}/".encode(), int(after))

    def close(self) -> None:
        """Close the connection; calls in progress raise DatastoreError."""
        self._connection.close()

    def _items(self, client: EtcdClient, prefix: bytes, page: Any) -> Iterator[tuple[str, Raw]]:
        revision = page.header.revision
        while True:
            for pair in page.kvs:
                yield _key(pair.key, prefix), pair.value
            if not page.more:
                return
            page = self._page(client, prefix, page.kvs[-1].key + b"\0", revision=revision)

    def _page(self, client: EtcdClient, prefix: bytes, start: bytes, **options: int) -> Any:
        with self._connection.translated_errors(client):
            return client.get_range(start, range_end=prefix_range_end(prefix), limit=PAGE, **options)


class EtcdWatch:
    """One watch in a gRPC stream of its own, so that any thread can end it."""

    def __init__(self, connection: EtcdConnection, client: EtcdClient, prefix: bytes, after: int) -> None:
        self._connection, self._client, self._prefix, self._after = connection, client, prefix, after
        self._ended = threading.Event()
        with connection.translated_errors(client):
            self._call = client.watch(self._requests())
        if not self._call.add_callback(self._ended.set):
            self._ended.set()

    def __iter__(self) -> Iterator[Batch]:
        with self._connection.translated_errors(self._client):
            for response in self._call:
                yield self._batch(response)

    def close(self) -> None:
        """End the stream. Thread-safe."""
        self._call.cancel()
        self._ended.set()

    def _requests(self) -> Iterator[Any]:
        yield etcdrpc.WatchRequest(
            create_request=etcdrpc.WatchCreateRequest(
                key=self._prefix,
                range_end=prefix_range_end(self._prefix),
                # Not `after + 1`: etcd of 2024 and older never reports a deletion at the very revision of a compaction.
                start_revision=self._after,
                progress_notify=True,
            )
        )
        self._ended.wait()  # the stream stays open: etcd's grpc-proxy ends a watch whose requests have ended

    def _batch(self, response: Any) -> Batch:
        if response.compact_revision:
            raise RelistRequiredError(f"etcd has compacted its history up to revision {response.compact_revision}")
        if response.canceled:
            raise DatastoreError(describe("", response.cancel_reason))
        if response.created:
            if response.header.revision < self._after:
                raise RelistRequiredError(f"etcd is at revision {response.header.revision}, behind {self._after}")
            return Batch(str(self._after))
        # With events the header may be ahead of them; in a progress notification it is exact.
        revision = response.events[-1].kv.mod_revision if response.events else response.header.revision
        changes = [(_key(event.kv.key, self._prefix), _value(event)) for event in response.events]
        return Batch(str(revision), changes)


def _key(key: bytes, prefix: bytes) -> str:
    return key[len(prefix) :].decode(errors="replace")


def _value(event: Any) -> bytes | None:
    return None if event.type == event.DELETE else event.kv.value
