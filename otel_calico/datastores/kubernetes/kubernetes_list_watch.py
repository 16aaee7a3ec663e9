"""Lists and watches kinds through the Kubernetes API.

Lists come from the API server's cache, as in client-go's Reflector: the first one at any revision that the cache has,
later ones not older than the last revision seen. Only if the server refuses that, the list comes from etcd.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import msgspec
import structlog

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import PODS
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_client import ApiClient, ClientLimits, NotFoundError, ResponseBody
from otel_calico.datastores.kubernetes.api_errors import ApiRequest
from otel_calico.datastores.kubernetes.api_resources import ApiResource, api_resource, is_calico, is_native
from otel_calico.datastores.kubernetes.list_stream import ItemStream, read_key
from otel_calico.datastores.kubernetes.watch_stream import WatchStream
from otel_calico.datastores.list_watch import Batch, Listing, RelistRequiredError, Watch
from otel_calico.datastores.resources import Raw

log = structlog.get_logger(__name__)

PAGE = "500"
ABSENT_RETRY = 1800.0
"""Seconds until a kind that the cluster does not have is listed again (`watchercache.go` of v3.30)."""

_ANY_REVISION = "0"
_FROM_ETCD = ""
_ABSENT = "absent"  # the revision of a kind that the cluster does not have
_WATCH_SECONDS = (300, 600)
_GRACE = 30  # seconds that the server may be late to end a watch


class _Group(msgspec.Struct, frozen=True):
    name: str


class _GroupList(msgspec.Struct, frozen=True):
    groups: list[_Group] = []


class KubernetesListWatch:
    """All kinds of one cluster; of pods those of one node.

    `native`: whether Calico's kinds are in group `projectcalico.org`; None asks the server.
    """

    def __init__(
        self,
        access: ApiAccess,
        limits: ClientLimits,
        node_name: str | None,
        *,
        native: bool | None = None,
        absent_retry: float = ABSENT_RETRY,
    ) -> None:
        self._client = ApiClient(access, limits)
        self._node_name = node_name
        self._native = native
        self._absent_retry = absent_retry
        self._resources: dict[str, ApiResource] = {}
        self._not_older_than: dict[str, str] = {}

    def list(self, kind: str) -> Listing:
        """Read a kind; items are yielded while they arrive. A kind that the cluster does not have is empty."""
        resource = self._resources[kind] = self._resource(kind)
        parameters = _age(self._not_older_than.get(kind, _ANY_REVISION))
        try:
            first = self._page(resource, self._selection(kind) | parameters)
        except RelistRequiredError:
            self._not_older_than[kind] = _FROM_ETCD
            raise
        except NotFoundError:
            log.info("datastore_kind_absent", kind=kind, resource=str(resource))
            return Listing((), _ABSENT)
        listing = Listing(())
        listing.items = self._items(listing, resource, self._selection(kind), first)
        return listing

    def watch(self, kind: str, after: str) -> Watch:
        """Watch a kind until the server ends the watch, which the request limits to some minutes."""
        if after == _ABSENT:
            return _AbsentKindWatch(self._absent_retry)
        self._not_older_than[kind] = after
        resource, seconds = self._resources[kind], random.randint(*_WATCH_SECONDS)  # noqa: S311 - spreads the nodes
        parameters = self._selection(kind) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": after,
            "timeoutSeconds": str(seconds),
        }
        request = ApiRequest("watch", str(resource))
        try:
            body = self._client.get(request, resource.path, parameters, read_timeout=seconds + _GRACE)
        except NotFoundError:
            raise RelistRequiredError(f"the cluster no longer has {resource}") from None
        return WatchStream(body, after)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _items(
        self, listing: Listing, resource: ApiResource, selection: dict[str, str], page: ResponseBody
    ) -> Iterator[tuple[str, Raw]]:
        """The items of all pages; sets the revision of the listing after the last one."""
        while True:
            stream = ItemStream(page.chunks())
            for raw in stream:
                try:
                    key = read_key(raw).key
                except msgspec.MsgspecError as error:
                    raise DatastoreError(f"the API server's list of {resource} cannot be read: {error}") from error
                yield key, raw
            listing.revision = stream.metadata.resource_version
            if not stream.metadata.more:
                return
            page = self._page(resource, selection | {"limit": PAGE, "continue": stream.metadata.more})

    def _page(self, resource: ApiResource, parameters: dict[str, str]) -> ResponseBody:
        return self._client.get(ApiRequest("list", str(resource)), resource.path, parameters)

    def _resource(self, kind: str) -> ApiResource:
        if not is_calico(kind):
            return api_resource(kind, native=False)
        native = self._discover_native() if self._native is None else self._native
        return api_resource(kind, native=native)

    def _discover_native(self) -> bool:
        try:
            body = b"".join(self._client.get(ApiRequest("get", "/apis"), "/apis").chunks())
            groups = msgspec.json.decode(body, type=_GroupList).groups
        except (NotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return is_native({group.name for group in groups})

    def _selection(self, kind: str) -> dict[str, str]:
        if kind == PODS and self._node_name is not None:
            return {"fieldSelector": f"spec.nodeName={self._node_name}"}
        return {}


def _age(not_older_than: str) -> dict[str, str]:
    """The parameters for a list of at least this revision."""
    if not_older_than == _FROM_ETCD:
        return {"limit": PAGE}
    # With `limit`, a revision other than 0 would mean exactly this revision, read from etcd.
    return {"resourceVersion": not_older_than} | ({"limit": PAGE} if not_older_than == _ANY_REVISION else {})


class _AbsentKindWatch:
    """Waits until a kind that the cluster does not have is listed again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        yield Batch(_ABSENT)
        if not self._closed.wait(self._seconds):
            raise RelistRequiredError("the cluster did not have this kind")

    def close(self) -> None:
        """End the wait."""
        self._closed.set()
