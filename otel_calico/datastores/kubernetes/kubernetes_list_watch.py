"""Lists and watches kinds through the Kubernetes API.

Of policies whose tier is known from their kind only the metadata is requested (`PartialObjectMetadata`).
ClusterInformation changes with upgrades of Calico only, so it is not watched but listed again from time to time.

Lists come from the API server's cache, as in client-go's Reflector: the first one at any revision that the cache has,
later ones not older than the last revision seen. Only if the server refuses that, the list comes from etcd.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator

import msgspec
import structlog

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import CLUSTER_INFORMATIONS, PODS, TIERS_OF_KINDS
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_client import JSON, ApiClient, ClientLimits, NotFoundError, ResponseBody
from otel_calico.datastores.kubernetes.api_errors import ApiRequest
from otel_calico.datastores.kubernetes.api_resources import (
    CRD_GROUP,
    NATIVE_GROUP,
    ApiResource,
    api_resource,
    is_calico,
)
from otel_calico.datastores.kubernetes.list_stream import ItemStream, read_key
from otel_calico.datastores.kubernetes.watch_stream import WatchStream
from otel_calico.datastores.list_watch import Batch, Listing, RelistDueError, RelistRequiredError, Watch
from otel_calico.datastores.resources import Raw

log = structlog.get_logger(__name__)

PAGE = "500"
RELIST_INTERVAL = 1800.0
"""Seconds until a kind without a watch is listed again (`watchercache.go` of v3.30 for kinds that are absent)."""

_ANY_REVISION = "0"
_FROM_ETCD = ""
_ABSENT = "absent"  # the revision of a kind that the cluster does not have
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"
_WATCH_SECONDS = (300, 600)
_GRACE = 30  # seconds that the server may be late to end a watch


class KubernetesListWatch:
    """All kinds of one cluster; of pods those of one node.

    `native`: whether Calico's kinds are in group `projectcalico.org`; None asks the server, again after a 404.
    """

    def __init__(
        self,
        access: ApiAccess,
        limits: ClientLimits,
        node_name: str | None,
        *,
        native: bool | None = None,
        relist_interval: float = RELIST_INTERVAL,
    ) -> None:
        self._client = ApiClient(access, limits)
        self._node_name = node_name
        self._native_setting = self._native = native
        self._relist_interval = relist_interval
        self._resources: dict[str, ApiResource] = {}
        self._not_older_than: dict[str, str] = {}

    def list(self, kind: str) -> Listing:
        """Read a kind; items are yielded while they arrive. A kind that the cluster does not have is empty."""
        resource = self._resources[kind] = self._resource(kind)
        parameters = _age(self._not_older_than.get(kind, _ANY_REVISION))
        try:
            first = self._page(kind, resource, parameters)
        except RelistRequiredError:
            self._not_older_than[kind] = _FROM_ETCD
            raise
        except NotFoundError:
            self._native = self._native_setting
            log.info("datastore_kind_absent", kind=kind, resource=str(resource))
            return Listing((), _ABSENT)
        listing = Listing(())
        listing.items = self._items(listing, kind, resource, first)
        return listing

    def watch(self, kind: str, after: str) -> Watch:
        """Watch a kind until the server ends the watch, which the request limits to some minutes."""
        if after == _ABSENT or kind == CLUSTER_INFORMATIONS:
            return _Pause(after, self._relist_interval)
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
            with _pods_are_never_absent(kind):
                body = self._client.get(request, resource.path, parameters, _accept(kind), seconds + _GRACE)
        except NotFoundError:
            raise RelistRequiredError(f"the cluster no longer has {resource}") from None
        return WatchStream(body, after)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _items(
        self, listing: Listing, kind: str, resource: ApiResource, page: ResponseBody
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
            page = self._page(kind, resource, {"limit": PAGE, "continue": stream.metadata.more})

    def _page(self, kind: str, resource: ApiResource, parameters: dict[str, str]) -> ResponseBody:
        request = ApiRequest("list", str(resource))
        with _pods_are_never_absent(kind):
            return self._client.get(request, resource.path, self._selection(kind) | parameters, _accept(kind, "List"))

    def _resource(self, kind: str) -> ApiResource:
        if not is_calico(kind):
            return api_resource(kind, native=False)
        if self._native is None:
            self._native = self._is_native()
        return api_resource(kind, native=self._native)

    def _is_native(self) -> bool:
        """As `libcalico-go/lib/backend/k8s/discovery.go`: the native group exists, and the one of the CRDs does not.

        If both exist, the native one is Calico's own API server, which shows other names than Felix uses.
        """
        return not self._has_group(CRD_GROUP) and self._has_group(NATIVE_GROUP)

    def _has_group(self, group: str) -> bool:
        path = f"/apis/{group}"
        try:
            for _ in self._client.get(ApiRequest("get", path), path).chunks():
                pass  # to the end, so that the connection can be kept
        except NotFoundError:
            return False
        return True

    def _selection(self, kind: str) -> dict[str, str]:
        if kind == PODS and self._node_name is not None:
            return {"fieldSelector": f"spec.nodeName={self._node_name}"}
        return {}


@contextlib.contextmanager
def _pods_are_never_absent(kind: str) -> Iterator[None]:
    """Raise DatastoreError where an API server seems to have no pods: something else answers, and nothing is gone."""
    try:
        yield
    except NotFoundError as error:
        if kind != PODS:
            raise
        raise DatastoreError(str(error)) from None


def _accept(kind: str, suffix: str = "") -> str:
    return _METADATA.format(suffix) if kind in TIERS_OF_KINDS else JSON


def _age(not_older_than: str) -> dict[str, str]:
    """The parameters for a list of at least this revision."""
    if not_older_than == _FROM_ETCD:
        return {"limit": PAGE}
    # With `limit`, a revision other than 0 would mean exactly this revision, read from etcd.
    return {"resourceVersion": not_older_than} | ({"limit": PAGE} if not_older_than == _ANY_REVISION else {})


class _Pause:
    """Takes the place of a watch until a kind is listed again."""

    def __init__(self, revision: str, seconds: float) -> None:
        self._revision = revision
        self._seconds = seconds
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        yield Batch(self._revision)
        if not self._closed.wait(self._seconds):
            raise RelistDueError

    def close(self) -> None:
        """End the wait."""
        self._closed.set()
