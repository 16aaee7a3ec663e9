"""Lists and watches kinds through the Kubernetes API.

Lists are served from the API server's cache where that will do, as client-go's reflectors ask for them: the first
one as old as the cache may be, later ones not older than what was seen. Only if the server refuses that, from etcd.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import msgspec
import structlog

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import PODS
from otel_calico.datastores.kubernetes.access import Access
from otel_calico.datastores.kubernetes.api import AbsentError, Answer, ApiServer, ClientPace
from otel_calico.datastores.kubernetes.api_resources import (
    CRD_GROUP,
    NATIVE_GROUP,
    ApiResource,
    api_resource,
    is_calico,
    is_native,
)
from otel_calico.datastores.kubernetes.errors import Question
from otel_calico.datastores.kubernetes.lists import ItemStream, keyed
from otel_calico.datastores.kubernetes.watch import KubernetesWatch
from otel_calico.datastores.resources import Raw
from otel_calico.datastores.source import Batch, HistoryLostError, Listed, Listing, Watch

log = structlog.get_logger(__name__)

PAGE = "500"
ASK_ABSENT_AGAIN = 1800.0
"""Seconds until a kind that the cluster lacks is asked for again (`watchercache.go` of v3.30)."""

_ABSENT = "absent"
_WATCH_SECONDS = (300, 600)
_GRACE = 30  # seconds that the server may be late to end a watch


class _Group(msgspec.Struct, frozen=True):
    name: str


class _Groups(msgspec.Struct, frozen=True):
    groups: list[_Group] = []


class KubernetesSource:
    """All kinds of one cluster; pods are those of one node. `native` is the group of Calico's kinds, None: find out."""

    def __init__(
        self,
        access: Access,
        pace: ClientPace,
        node_name: str | None,
        *,
        native: bool | None = None,
        ask_absent_again: float = ASK_ABSENT_AGAIN,
    ) -> None:
        self._api = ApiServer(access, pace)
        self._node_name = node_name
        self._native = native
        self._ask_absent_again = ask_absent_again
        self._resources: dict[str, ApiResource] = {}
        self._not_older: dict[str, str] = {}

    def list(self, kind: str) -> Listed:
        """Read a kind, its items while they arrive. One that the cluster lacks is empty."""
        resource = self._resources[kind] = self._resource(kind)
        try:
            return _KubernetesListing(self._api, resource, self._selection(kind), _age(self._not_older.get(kind, "0")))
        except HistoryLostError:
            self._not_older[kind] = ""
            raise
        except AbsentError:
            log.info("datastore_kind_absent", kind=kind, resource=str(resource))
            return Listing(_ABSENT, ())

    def watch(self, kind: str, after: str) -> Watch:
        """Follow a kind until the server ends the watch, which it is told to do after some minutes."""
        if after == _ABSENT:
            return _AbsentWatch(self._ask_absent_again)
        self._not_older[kind] = after
        resource, seconds = self._resources[kind], random.randint(*_WATCH_SECONDS)  # noqa: S311 - spreads the nodes
        parameters = self._selection(kind) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": after,
            "timeoutSeconds": str(seconds),
        }
        try:
            answer = self._api.get(
                Question("watch", str(resource)), resource.path, parameters, silence=seconds + _GRACE
            )
        except AbsentError:
            raise HistoryLostError(f"the cluster no longer has {resource}") from None
        return KubernetesWatch(answer, after)

    def close(self) -> None:
        """Give up all connections."""
        self._api.close()

    def _resource(self, kind: str) -> ApiResource:
        if not is_calico(kind):
            return api_resource(kind, native=False)
        native = self._discover() if self._native is None else self._native
        return api_resource(kind, native=native)

    def _discover(self) -> bool:
        question = Question("get", "/apis")
        try:
            body = b"".join(self._api.get(question, "/apis").chunks())
            groups = msgspec.json.decode(body, type=_Groups).groups
        except (AbsentError, msgspec.MsgspecError, UnicodeDecodeError):
            return False
        found = {group.name for group in groups} & {CRD_GROUP, NATIVE_GROUP}
        return is_native(found)

    def _selection(self, kind: str) -> dict[str, str]:
        if kind == PODS and self._node_name is not None:
            return {"fieldSelector": f"spec.nodeName={self._node_name}"}
        return {}


def _age(not_older: str) -> dict[str, str]:
    """How old a list may be: as old as the server's cache for `0`, not older than a revision, or as etcd has it now."""
    if not not_older:
        return {"limit": PAGE}
    # With a limit, a revision would mean exactly that one, read from etcd.
    return {"resourceVersion": not_older} | ({"limit": PAGE} if not_older == "0" else {})


class _KubernetesListing:
    """A list page by page; one page, of whatever length, if it comes from the server's cache."""

    def __init__(self, api: ApiServer, resource: ApiResource, selection: dict[str, str], age: dict[str, str]) -> None:
        self._api, self._resource, self._selection = api, resource, selection
        self._first = self._page(age)
        self.revision = ""

    @property
    def items(self) -> Iterator[tuple[str, Raw]]:
        """The objects; `revision` counts after the last."""
        page = self._first
        while True:
            stream = ItemStream(page.chunks())
            for raw in stream:
                try:
                    key = keyed(raw).key
                except msgspec.MsgspecError as error:
                    raise DatastoreError(
                        f"the API server's list of {self._resource} cannot be read: {error}"
                    ) from error
                yield key, raw
            self.revision = stream.metadata.resource_version
            if not stream.metadata.more:
                return
            page = self._page({"limit": PAGE, "continue": stream.metadata.more})

    def _page(self, parameters: dict[str, str]) -> Answer:
        return self._api.get(Question("list", str(self._resource)), self._resource.path, self._selection | parameters)


class _AbsentWatch:
    """Stands in for the watch of a kind that the cluster lacks, until it is time to ask again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        yield Batch(_ABSENT)
        if not self._closed.wait(self._seconds):
            raise HistoryLostError("the cluster lacked this kind; asking again")

    def close(self) -> None:
        """End the wait."""
        self._closed.set()
