"""The items of a list while its bytes arrive. Pure.

A list served from the API server's cache comes in one piece, however long (it ignores `limit` then): 20,000 policies
are 40 MB, of which only a few items at a time need to be in memory.

How: the text is cut where an item could begin (`},` and then the first key of the first item), and what lies before
is read as an array. That it is valid JSON proves the cut right; else more text is waited for. The last items are
read together with what surrounds the list, so that every list is read as a whole, whatever its layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from otel_calico.datastores.datastore import DatastoreError

_BEGIN = re.compile(rb'"items"\s*:\s*\[\s*')
_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]*"\s*:')
WORTH_CUTTING = 65536  # bytes
LARGEST_LIST = 256 << 20
"""Bytes held at once; only a list that cannot be cut comes near it."""


class ListMetadata(msgspec.Struct, rename="camel", frozen=True):
    """`more`: where the next page begins; empty on the last."""

    resource_version: str = ""
    more: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: ListMetadata = ListMetadata()
    items: list[msgspec.Raw] | None = None


class Keyed(msgspec.Struct, rename="camel", frozen=True):
    """Where an object belongs."""

    name: str = ""
    namespace: str | None = None
    resource_version: str = ""

    @property
    def key(self) -> str:
        """`NAMESPACE/NAME`, or `NAME` for objects of the whole cluster."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class _Object(msgspec.Struct, frozen=True):
    metadata: Keyed = Keyed()


_whole = msgspec.json.Decoder(_List)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(_Object)


def keyed(raw: bytes) -> Keyed:
    """Where an object belongs. Raises msgspec.MsgspecError."""
    return _object.decode(raw).metadata


class ItemStream:
    """Items as JSON texts; `metadata` counts after the last of them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.metadata = ListMetadata()

    def __iter__(self) -> Iterator[bytes]:
        """Raises DatastoreError if the text is no list, or ends early."""
        head, rest, patience = b"", b"", WORTH_CUTTING
        for chunk in self._chunks:
            rest += chunk
            if len(rest) > LARGEST_LIST:
                raise DatastoreError(f"the API server sent a list with {LARGEST_LIST >> 20} MiB in one piece")
            if len(rest) < patience:
                continue
            if not head:
                head, rest = _beginning(rest)
            cut, items = _cut(rest) if head else (0, [])
            yield from map(bytes, items)
            rest = rest[cut:]
            patience = max(WORTH_CUTTING, 2 * len(rest))
        try:
            last = _whole.decode(head + rest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DatastoreError(f"the API server's list cannot be read: {error}") from error
        yield from map(bytes, last.items or ())
        self.metadata = last.metadata


def _beginning(text: bytes) -> tuple[bytes, bytes]:
    """What comes before the first item, and the rest; the former is empty if that is not known yet."""
    begin = _BEGIN.search(text)
    return (text[: begin.end()], text[begin.end() :]) if begin else (b"", text)


def _cut(text: bytes) -> tuple[int, list[msgspec.Raw]]:
    """The items before a cut, and where the text goes on after it; nothing if no cut can be made yet."""
    first = _FIRST_KEY.match(text)
    place = text.rfind(b"}," + first[0]) if first else -1
    if place < 0:
        return 0, []
    try:
        return place + 2, _array.decode(b"[" + text[: place + 1] + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0, []
