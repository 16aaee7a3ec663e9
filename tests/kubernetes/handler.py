"""One connection to the test API server: what is asked, and how a real one would answer."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.kubernetes.store import Change, Object

if TYPE_CHECKING:
    from tests.kubernetes.api_server import ApiServer

META = "meta.k8s.io/v1"
USER = "system:serviceaccount:monitoring:otel-calico"


class Handler(BaseHTTPRequestHandler):
    """Answers GET; `api` is set by the server that makes a class of it."""

    api: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    resource = ""
    verb = ""
    parameters: Mapping[str, str] = {}
    _ended: tuple[bytes, bool] | None = None

    def do_GET(self) -> None:
        from tests.kubernetes.api_server import RESOURCES, Asked  # noqa: PLC0415 - they need this class

        if self.api.stopping.is_set():  # a kept connection ends with the server
            self.close_connection = True
            return
        url, behaviour = urlsplit(self.path), self.api.behaviour
        self.parameters = dict(parse_qsl(url.query))
        path = url.path.removeprefix("/prefix")
        self.resource = RESOURCES.get(path, path)
        self.verb = "get" if path not in RESOURCES else "watch" if self.parameters.get("watch") == "true" else "list"
        self.api.stopping.wait(behaviour.delay)
        status, body = self._answer(known=path in RESOURCES)
        self.api.asked.append(Asked(self.verb, self.resource, self.parameters, status))
        if status == 200 and self.verb == "watch":
            self._stream()
        else:
            self._send(status, body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    @staticmethod
    def cut(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def end_stream(self, last_words: bytes, *, whole: bool) -> None:
        with self.api.store.changed:
            self._ended = (last_words, whole)
            self.api.store.changed.notify_all()

    # --- answers ---

    def _answer(self, *, known: bool) -> tuple[int, Any]:
        behaviour, group = self.api.behaviour, self.resource.partition(".")[2]
        if behaviour.throttled > 0:
            behaviour.throttled -= 1
            return _status(429, "too many requests, please try again later")
        if refused := self._refused():
            return refused
        if self.verb == "get":
            return self._group()
        if not known or (group and group not in behaviour.groups) or self.resource in behaviour.absent:
            return 404, behaviour.not_found
        return self._list() if self.verb == "list" else self._admit_watch()

    def _group(self) -> tuple[int, Any]:
        name = self.resource.removeprefix("/apis/")
        known = name in self.api.behaviour.groups
        return (200, {"kind": "APIGroup", "name": name}) if known else (404, b"404 page not found\n")

    def _refused(self) -> tuple[int, Any] | None:
        """What a request gets that authentication or authorization does not let through."""
        behaviour = self.api.behaviour
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if behaviour.tokens is not None and token not in behaviour.tokens:
            return _status(401, "Unauthorized")
        if behaviour.anonymous and not token:
            return _forbidden("system:anonymous", self.verb, self.resource)
        if self.verb == "get":
            return None if behaviour.discovery else _forbidden(USER, self.verb, self.resource)
        return None if self.api.allows(self.verb, self.resource) else _forbidden(USER, self.verb, self.resource)

    def _list(self) -> tuple[int, Any]:
        store, behaviour = self.api.store, self.api.behaviour
        age, more = self.parameters.get("resourceVersion", ""), self.parameters.get("continue", "")
        if age.isdecimal() and int(age) > store.revision:
            return _status(504, f"Timeout: Too large resource version: {age}, current: {store.revision}")
        as_of, start = map(int, (more or "0.0").split("."))
        if more and (as_of < store.compacted or behaviour.refuse_continue > 0):
            behaviour.refuse_continue -= 1
            return _status(410, "The provided continue parameter is too old to display a consistent list result.")
        revision, objects = store.listed(self.resource, as_of)
        found = [one for one in objects if self._selected(one)]
        limit = int(self.parameters.get("limit", 0))
        if not limit or (age == "0" and behaviour.cache_ignores_limit):
            limit = len(found)
        end = start + limit
        return 200, self._layout(found[start:end], revision, f"{revision}.{end}" if end < len(found) else "")

    def _layout(self, found: list[Object], revision: int, more: str) -> Object:
        metadata = {"resourceVersion": str(revision)} | ({"continue": more} if more else {})
        if self._metadata_only:
            items = list(map(_partial, found))
            return {"kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": metadata, "items": items}
        if "projectcalico" in self.resource:  # objects of CRDs: keys in alphabetical order
            items = [dict(sorted(one.items())) for one in found]
            return {"apiVersion": "any/v1", "items": items, "kind": "AnyList", "metadata": metadata}
        items = [{key: value for key, value in one.items() if key not in ("kind", "apiVersion")} for one in found]
        return {"kind": "AnyList", "apiVersion": "v1", "metadata": metadata, "items": items}

    @property
    def _metadata_only(self) -> bool:
        """Whether the client accepts metadata, and the server offers it."""
        accepts = self.headers.get("Accept", "").split(",")[0]
        return "as=PartialObjectMetadata" in accepts and "g=meta.k8s.io" in accepts

    def _admit_watch(self) -> tuple[int, Any]:
        too_old = int(self.parameters["resourceVersion"]) < self.api.store.compacted
        if too_old and self.api.behaviour.gone_as_status:
            return _status(410, "too old resource version")
        return 200, None

    def _selected(self, found: Object | None) -> bool:
        if found is None:
            return False
        _, _, node = self.parameters.get("fieldSelector", "").partition("spec.nodeName=")
        return not node or found["spec"].get("nodeName") == node

    def _send(self, status: int, body: Any) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", self.api.behaviour.retry_after)
        self.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.api.sent += len(text)

    # --- watch streams ---

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        self._ended = None  # a connection serves one watch after the other
        self.api.streams.append(self)
        try:
            for event in self._events():
                self._chunk(json.dumps(event, separators=(",", ":")).encode() + b"\n")
            last_words, whole = self._ended or (b"", True)
            if last_words:
                self._chunk(last_words)
            if whole:
                self._chunk(b"")
            else:
                self.cut(self.connection)
                self.close_connection = True
        finally:
            self.api.streams.remove(self)

    def _events(self) -> Iterator[Object]:
        store, revision = self.api.store, int(self.parameters["resourceVersion"])
        end = time.monotonic() + float(self.parameters["timeoutSeconds"])
        bookmark_at = time.monotonic() + self.api.behaviour.bookmark_every
        if revision < store.compacted:
            yield {"type": "ERROR", "object": _status(410, f"too old resource version: {revision}")[1]}
            return
        while self._ended is None and not self.api.stopping.is_set() and time.monotonic() < end:
            now = store.revision
            for change in store.after(self.resource, revision):
                revision = change.revision
                if (event := self._event(change)) is not None:
                    yield event
            if self.parameters.get("allowWatchBookmarks") == "true" and time.monotonic() >= bookmark_at:
                bookmark_at = time.monotonic() + self.api.behaviour.bookmark_every
                revision = max(revision, now)
                yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(revision)}}}
            with store.changed:
                if not store.after(self.resource, revision) and self._ended is None and not self.api.stopping.is_set():
                    store.changed.wait(max(0.0, min(end, bookmark_at) - time.monotonic()))

    def _event(self, change: Change) -> Object | None:
        """What a change means to those who watch a selection."""
        was, becomes = self._selected(change.before), self._selected(change.after)
        if becomes and change.after is not None:
            return self._shown("MODIFIED" if was else "ADDED", change.after)
        if not was or change.before is None:
            return None
        metadata = change.before["metadata"] | {"resourceVersion": str(change.revision)}
        return self._shown("DELETED", change.before | {"metadata": metadata})

    def _shown(self, event: str, found: Object) -> Object:
        return {"type": event, "object": _partial(found) if self._metadata_only else found}

    def _chunk(self, text: bytes) -> None:
        self.api.sent += len(text)
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()


def _partial(found: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": found["metadata"]}


def _forbidden(user: str, verb: str, resource: str) -> tuple[int, Any]:
    """In the words of the API server, which differ for a path."""
    if resource.startswith("/"):
        return _status(403, f'forbidden: User "{user}" cannot {verb} path "{resource}"')
    plural, _, group = resource.partition(".")
    text = f'{resource} is forbidden: User "{user}" cannot {verb} resource "{plural}" in API group '
    return _status(403, f'{text}"{group}" at the cluster scope')


def _status(code: int, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
