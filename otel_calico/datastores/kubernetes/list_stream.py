"""The items of a list response, yielded while its bytes arrive.

The API server sends a list from its cache in one response (it ignores `limit` then): 20,000 policies are 40 MB, which
should not be in memory at once.

Method: the text is cut where an item may begin (`},` and then the first key of the first item), and the part before is
decoded as an array. If that is valid JSON the cut was right, else more text is read. The last items are decoded
together with the text around the list. So a list is decoded completely, whatever its layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from otel_calico.datastores.datastore import DatastoreError

_BEGIN = re.compile(rb'"items"\s*:\s*\[\s*')
_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]*"\s*:')
MIN_CUT = 65536
"""Bytes; shorter parts are not cut."""
LARGEST_LIST = 256 << 20
"""Bytes in memory at once; only a list that cannot be cut reaches it."""


class ListMetadata(msgspec.Struct, rename="camel", frozen=True):
    """`more`: the token for the next page; empty on the last."""

    resource_version: str = ""
    more: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: ListMetadata = ListMetadata()
    items: list[msgspec.Raw] | None = None


class KeyMetadata(msgspec.Struct, rename="camel", frozen=True):
    """Key and revision of an object."""

    name: str = ""
    namespace: str | None = None
    resource_version: str = ""

    @property
    def key(self) -> str:
        """`NAMESPACE/NAME`, or `NAME` for cluster-wide objects."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class _Object(msgspec.Struct, frozen=True):
    metadata: KeyMetadata = KeyMetadata()


_list = msgspec.json.Decoder(_List)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(_Object)


def read_key(raw: bytes | msgspec.Raw) -> KeyMetadata:
    """Key and revision of an object. Raises msgspec.MsgspecError."""
    return _object.decode(raw).metadata


class ItemStream:
    """The items as JSON texts; `metadata` is valid after the last of them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.metadata = ListMetadata()

    def __iter__(self) -> Iterator[bytes]:
        """Raises DatastoreError if the text is not a list, or incomplete."""
        head, rest, next_cut = b"", b"", MIN_CUT
        for chunk in self._chunks:
            rest += chunk
            if len(rest) > LARGEST_LIST:
                raise DatastoreError(f"the API server sent a list of more than {LARGEST_LIST >> 20} MiB")
            if len(rest) < next_cut:
                continue
            if not head:
                head, rest = _split_head(rest)
            cut, items = _cut(rest) if head else (0, [])
            yield from map(bytes, items)
            rest = rest[cut:]
            next_cut = max(MIN_CUT, 2 * len(rest))
        try:
            last = _list.decode(head + rest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DatastoreError(f"the API server's list cannot be read: {error}") from error
        yield from map(bytes, last.items or ())
        self.metadata = last.metadata


def _split_head(text: bytes) -> tuple[bytes, bytes]:
    """The text before the first item, and the rest; the former is empty if the first item has not arrived."""
    begin = _BEGIN.search(text)
    return (text[: begin.end()], text[begin.end() :]) if begin else (b"", text)


def _cut(text: bytes) -> tuple[int, list[msgspec.Raw]]:
    """The offset of a cut and the items before it; nothing if no cut is possible yet."""
    first = _FIRST_KEY.match(text)
    place = text.rfind(b"}," + first[0]) if first else -1
    if place < 0:
        return 0, []
    try:
        return place + 2, _array.decode(b"[" + text[: place + 1] + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0, []
