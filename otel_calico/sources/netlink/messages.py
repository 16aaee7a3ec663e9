"""Messages of netlink and the attributes in them, checked before they are believed.

A message is a header, four bytes of nfnetlink's, and attributes; an attribute is its length, its type and its value,
which may be attributes again. Each starts at a multiple of four bytes (`linux/netlink.h`,
`linux/netfilter/nfnetlink.h`).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import NamedTuple

HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence number, port of the socket it goes to."""

PREAMBLE = HEADER.size + 4
"""Bytes before a message's first attribute."""

ERROR, DONE = 2, 3
"""Types of messages that answer any request."""

SEQUENCE = 1
"""Number of every request: one is answered in full before the next is made."""

_REQUEST, _DUMP = 0x1, 0x300
INTERRUPTED = 0x10
"""Flag of a message before which the kernel's rules changed since the dump began."""

_SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_BITS = 0x3FFF  # without the flags for nested and for big-endian values
_CODE = struct.Struct("=i")


class NetlinkError(Exception):
    """The kernel's answer cannot be had. `code` is that of the operating system, 0 where the answer itself is bad."""

    def __init__(self, message: str, code: int | None = 0) -> None:
        super().__init__(message)
        self.code = code or 0

    @property
    def refused(self) -> bool:
        """True if this process may not ask."""
        return self.code in {errno.EPERM, errno.EACCES}


class MalformedMessageError(NetlinkError):
    """What the kernel answered is no message that it could have sent."""


class Message(NamedTuple):
    """One message of nftables: its type, its flags, and where in the data its attributes are."""

    type: int
    flags: int
    start: int
    end: int


Attribute = tuple[int, int, int]
"""One attribute: its type, and where in the data its value starts and ends."""


def request(kind: int, family: int, attributes: bytes = b"", *, dump: bool = False) -> bytes:
    """A request to nftables, of one message or of a dump."""
    flags = _REQUEST | (_DUMP if dump else 0)
    header = HEADER.pack(PREAMBLE + len(attributes), _SUBSYSTEM | kind, flags, SEQUENCE, 0)
    return header + bytes((family, 0, 0, 0)) + attributes


def string_attribute(kind: int, value: str) -> bytes:
    """An attribute whose value is a string."""
    content = value.encode() + b"\0"
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(content), kind) + content + b"\0" * (-len(content) % 4)


def messages(data: bytes) -> Iterator[Message]:
    """The messages of nftables that stand one after another. Raises MalformedMessageError."""
    position = 0
    while position < len(data):
        if position + PREAMBLE > len(data):
            raise MalformedMessageError(f"{len(data) - position} bytes stand after the last message")
        length, kind, flags, *_ = HEADER.unpack_from(data, position)
        if length < PREAMBLE or position + length > len(data):
            raise MalformedMessageError(f"a message says that it has {length} bytes, of {len(data) - position}")
        if kind & 0xFF00 != _SUBSYSTEM:
            raise MalformedMessageError(f"among nftables' messages is one of type {kind}")
        yield Message(kind & 0xFF, flags, position + PREAMBLE, position + length)
        position += length + (-length % 4)


def attributes(data: bytes, start: int, end: int) -> Iterator[Attribute]:
    """The attributes between two places, in order. Raises MalformedMessageError."""
    position, unpack = start, _ATTRIBUTE.unpack_from
    while position < end:
        if position + 4 > end:
            raise MalformedMessageError(f"{end - position} bytes stand after the last attribute")
        length, kind = unpack(data, position)
        if length < 4 or position + length > end:
            raise MalformedMessageError(f"an attribute says that it has {length} bytes, of {end - position}")
        yield kind & _TYPE_BITS, position + 4, position + length
        position += length + (-length % 4)


def values(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """The attributes between two places by type; of several of one type the last. Raises MalformedMessageError."""
    return {kind: data[first:last] for kind, first, last in attributes(data, start, end)}


def string(value: bytes) -> str:
    """What stands in a value up to its end or the first zero byte."""
    return value.split(b"\0", 1)[0].decode("utf-8", "replace")


def number(value: bytes) -> int:
    """A number in network byte order."""
    return int.from_bytes(value, "big")


def error_code(data: bytes) -> int:
    """The operating system's code, a positive number, in a message of type ERROR or DONE; 0 for success."""
    return -int(_CODE.unpack_from(data, HEADER.size)[0]) if len(data) >= PREAMBLE else 0
