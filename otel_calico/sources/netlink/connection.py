"""A socket to the kernel's nftables: one request at a time, and the whole answer to it."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator

from otel_calico.sources.netlink.messages import (
    DONE,
    ERROR,
    HEADER,
    INTERRUPTED,
    SEQUENCE,
    MalformedMessageError,
    NetlinkError,
    error_code,
)

_NETFILTER = 12  # NETLINK_NETFILTER
_TIME = struct.Struct("@ll")  # struct timeval
_LARGEST_PART = 1 << 16  # bytes of one answer; the kernel makes them up to 32 KiB large
_RECEIVE_BUFFER = 1 << 20
BUFFER_SIZE = 4 * _LARGEST_PART
"""Bytes to begin with; more than most chains need."""

_LAST = HEADER.size + 4  # bytes of a message that ends a dump
_KERNEL = (0, 0)


def kernel_socket() -> socket.socket:
    """A socket to the kernel's netfilter. Raises NetlinkError."""
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    except OSError as error:
        raise _failed("open a socket of netlink", error) from error
    opened.connect(_KERNEL)  # so that nobody else is heard
    return opened


class Connection:
    """Asks nftables over a socket. Raises NetlinkError; parts of a broken answer may follow, so use no more then."""

    def __init__(self, kernel: socket.socket, buffer: bytearray, deadline: float) -> None:
        """Answers are put into the buffer, which grows where they need that, and come before the deadline.

        The deadline is of the monotonic clock.
        """
        self._socket = kernel
        self._buffer = buffer
        self._deadline = deadline
        seconds, fraction = divmod(max(1e-3, deadline - time.monotonic()), 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIME.pack(int(seconds), int(fraction * 1e6)))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    @property
    def buffer(self) -> bytearray:
        """Where the answer to the last request stands; the next one is written over it."""
        return self._buffer

    def ask(self, message: bytes) -> bytes:
        """The one message that answers a request. Raises NetlinkError."""
        self._send(message)
        size = self._receive(0)
        self._first(0, size)
        return bytes(self._buffer[:size])

    def dump(self, message: bytes, limit: int) -> tuple[int, bool]:
        """The size of an answer of many messages, without the one that ends it, and whether rules changed meanwhile.

        Raises NetlinkError.
        """
        self._send(message)
        size, interrupted = 0, False
        while True:
            if size > limit:
                raise NetlinkError(f"the kernel's dump of nftables has more than {limit >> 20} MiB", errno.EFBIG)
            if time.monotonic() > self._deadline:
                raise NetlinkError("the kernel's dump of nftables did not end in time", errno.ETIMEDOUT)
            received = self._receive(size)
            ended, flags = self._first(size, received)
            interrupted |= bool(flags & INTERRUPTED)
            if ended:
                return size, interrupted
            if (end := self._end_within(size, size + received)) is not None:
                return end, interrupted
            size += received

    def _send(self, message: bytes) -> None:
        try:
            self._socket.send(message)
        except OSError as error:
            raise _failed("ask nftables", error) from error

    def _receive(self, position: int) -> int:
        if len(self._buffer) - position < _LARGEST_PART:
            self._buffer += bytes(len(self._buffer))
        try:
            received = self._socket.recv_into(memoryview(self._buffer)[position:], 0, socket.MSG_TRUNC)
        except BlockingIOError:
            raise NetlinkError("nftables did not answer in time", errno.ETIMEDOUT) from None
        except OSError as error:
            raise _failed("read the answer of nftables", error) from error
        if not HEADER.size <= received <= len(self._buffer) - position:
            raise MalformedMessageError(f"an answer of nftables has {received} bytes")
        return received

    def _first(self, position: int, size: int) -> tuple[bool, int]:
        """Whether the answer ends with the message that stands here, and its flags. Raises NetlinkError."""
        _, kind, flags, sequence, _ = HEADER.unpack_from(self._buffer, position)
        if sequence != SEQUENCE:
            raise MalformedMessageError("nftables answers to what was not asked")
        if kind in {ERROR, DONE}:
            code = error_code(bytes(self._buffer[position : position + size]))
            if code:
                raise NetlinkError(f"nftables answers: {os.strerror(code)}", code)
        return kind == DONE, flags

    def _end_within(self, start: int, end: int) -> int | None:
        """Where the message that ends a dump starts, if it came with others; a comment may look like one."""
        if HEADER.unpack_from(self._buffer, end - _LAST)[:2] != (_LAST, DONE):
            return None
        return end - _LAST if end - _LAST in self._starts(start, end) else None

    def _starts(self, position: int, end: int) -> Iterator[int]:
        while position < end:
            yield position
            length = HEADER.unpack_from(self._buffer, position)[0]
            position += max(HEADER.size, length + (-length % 4))


def _failed(what: str, error: OSError) -> NetlinkError:
    return NetlinkError(f"this process cannot {what}: {error.strerror}", error.errno)
