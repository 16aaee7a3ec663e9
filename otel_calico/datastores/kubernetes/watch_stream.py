"""The body of a watch response: one JSON event per line, until the server ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.api_client import ResponseBody, Status
from otel_calico.datastores.kubernetes.list_stream import read_key
from otel_calico.datastores.list_watch import Batch, RelistRequiredError
from otel_calico.datastores.resources import Raw

LARGEST_EVENT = 16 << 20
"""Bytes; etcd accepts no object of more than 1.5 MB."""
_GONE = 410


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_event = msgspec.json.Decoder(_Event)


class WatchStream:
    """The events of one kind after a revision."""

    def __init__(self, body: ResponseBody, after: str) -> None:
        self._body = body
        self._revision = after

    def __iter__(self) -> Iterator[Batch]:
        yield Batch(self._revision)
        for lines in complete_lines(self._body.chunks(), lambda: self._body.closed):
            changes: list[tuple[str, Raw | None]] = []
            for line in lines:
                changes += self._changes(line)
            yield Batch(self._revision, changes)

    def close(self) -> None:
        """End the watch. Thread-safe."""
        self._body.close()

    def _changes(self, line: bytes) -> list[tuple[str, Raw | None]]:
        try:
            event = _event.decode(line)
            if event.type == "ERROR":
                raise _error(msgspec.json.decode(event.object, type=Status))
            metadata = read_key(event.object)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DatastoreError(f"the API server sent a watch event that cannot be read: {error}") from error
        self._revision = metadata.resource_version or self._revision
        if event.type == "BOOKMARK":
            return []
        return [(metadata.key, None if event.type == "DELETED" else bytes(event.object))]


def complete_lines(chunks: Iterator[bytes], closed: Callable[[], bool]) -> Iterator[list[bytes]]:
    """The lines of a body, those that arrived together as one list. Raises DatastoreError for an incomplete end."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        if len(rest) > LARGEST_EVENT:
            raise DatastoreError(f"the API server sent a watch event of more than {LARGEST_EVENT >> 20} MiB")
        if complete := [line for line in lines if line.strip()]:
            yield complete
    if rest.strip() and not closed():
        raise DatastoreError("the API server ended the watch in the middle of an event")


def _error(status: Status) -> Exception:
    if status.code == _GONE:
        return RelistRequiredError(status.message)
    return DatastoreError(f"the API server ended the watch ({status.code}): {status.message}")
