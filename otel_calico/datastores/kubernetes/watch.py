"""A watch: one JSON event a line, until the server ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.api import Answer, Status
from otel_calico.datastores.kubernetes.lists import keyed
from otel_calico.datastores.resources import Raw
from otel_calico.datastores.source import Batch, HistoryLostError

_GONE = 410


LARGEST_EVENT = 16 << 20
"""Bytes; etcd takes no object of more than 1.5 MB."""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_event = msgspec.json.Decoder(_Event)


class KubernetesWatch:
    """The events of one kind after a revision."""

    def __init__(self, answer: Answer, after: str) -> None:
        self._answer = answer
        self._revision = after

    def __iter__(self) -> Iterator[Batch]:
        yield Batch(self._revision)
        for lines in _whole_lines(self._answer.chunks(), lambda: self._answer.closed):
            changes: list[tuple[str, Raw | None]] = []
            for line in lines:
                changes += self._changes(line)
            yield Batch(self._revision, changes)

    def close(self) -> None:
        """End the watch; from any thread."""
        self._answer.close()

    def _changes(self, line: bytes) -> list[tuple[str, Raw | None]]:
        try:
            event = _event.decode(line)
            if event.type == "ERROR":
                raise _error(msgspec.json.decode(event.object, type=Status))
            where = keyed(event.object)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DatastoreError(f"the API server sent a watch event that cannot be read: {error}") from error
        self._revision = where.resource_version or self._revision
        if event.type == "BOOKMARK":
            return []
        return [(where.key, None if event.type == "DELETED" else bytes(event.object))]


def _whole_lines(chunks: Iterator[bytes], closed: Callable[[], bool]) -> Iterator[list[bytes]]:
    """Lines as they come, several where they came together."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        if len(rest) > LARGEST_EVENT:
            raise DatastoreError(f"the API server sent a watch event of more than {LARGEST_EVENT >> 20} MiB")
        if whole := [line for line in lines if line.strip()]:
            yield whole
    if rest.strip() and not closed():
        raise DatastoreError("the API server broke the watch off in the middle of an event")


def _error(status: Status) -> Exception:
    if status.code == _GONE:
        return HistoryLostError(status.message)
    return DatastoreError(f"the API server ended the watch ({status.code}): {status.message}")
