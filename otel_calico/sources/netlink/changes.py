"""Listens to what the kernel tells of transactions while a table is read: which of its chains they touched.

Each transaction is told in full after it was committed, and closed by a message with its generation
(`nf_tables_commit` in `net/netfilter/nf_tables_api.c`). So whoever listens from before a read until the generation that
the read ended in was told knows whether what it read is of one generation.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from otel_calico.sources.netlink.messages import Message, NetlinkError, messages, number, string, values

_LEVEL, _JOIN, _LEAVE = 270, 1, 2  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP
_GROUP = 7  # NFNLGRP_NFTABLES
_FORCED_BUFFER = 33  # SO_RCVBUFFORCE
_BUFFER = 1 << 23
_LARGEST = 1 << 17
_GRACE = 0.5  # seconds between a commit and what is told of it

_TABLES, _CHAINS, _RULES, _GENERATION = {0, 2}, {3, 5}, {6, 8}, 15  # NFT_MSG_*
_FAMILY_AT = 4  # bytes before the attributes


@dataclass(slots=True)
class Touched:
    """What transactions touched of one table.

    `all` where that is not known, or the table came or went; `names` where chains came or went.
    """

    all: bool = False
    names: bool = False
    chains: set[str] = field(default_factory=set)

    def everything(self) -> None:
        """Let nothing that was read be believed."""
        self.all = self.names = True

    def __bool__(self) -> bool:
        return self.all or self.names or bool(self.chains)


class Changes:
    """What transactions do to one table, told only while `listening`."""

    def __init__(self, kernel: socket.socket, table: str, buffer: int = _BUFFER) -> None:
        """`buffer` is how many bytes may wait to be read; what does not fit is lost, and that is told."""
        self._socket = kernel
        self._table = table
        self._told = 0  # the last generation of which everything was told
        self._socket.settimeout(0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, buffer)
        except OSError:  # in a container of another user namespace
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Be told of transactions. Raises NetlinkError."""
        try:
            self._socket.setsockopt(_LEVEL, _JOIN, _GROUP)
        except OSError as error:
            raise NetlinkError(f"nftables' changes may not be listened to: {error.strerror}", error.errno) from error
        try:
            yield
        finally:
            self._socket.setsockopt(_LEVEL, _LEAVE, _GROUP)

    def follow(self, generation: int) -> None:
        """Let this be the generation after which transactions are asked for."""
        self._told = generation

    def until(self, generation: int, family: int) -> Touched:
        """What transactions touched since the last call and up to a generation, or to a later one."""
        touched = Touched()
        deadline = time.monotonic() + _GRACE
        while True:
            part = self._receive()
            if part is None:
                if not _is_later(generation, self._told):
                    return touched
                if not self._wait(deadline):
                    touched.everything()
                    return touched
                continue
            if not part:
                touched.everything()
                self._told = generation
                continue
            for message in messages(part):
                if message.type == _GENERATION:
                    self._told = number(values(part, message.start, message.end).get(1, b""))
                else:
                    self._note(part, message, family, touched)

    def _note(self, part: bytes, message: Message, family: int, touched: Touched) -> None:
        if part[message.start - _FAMILY_AT] != family or message.type not in _TABLES | _CHAINS | _RULES:
            return
        given = values(part, message.start, message.end)
        if string(given.get(1, b"")) != self._table:
            return
        if message.type in _TABLES:
            touched.everything()
        elif message.type in _CHAINS:
            touched.names = True
            touched.chains.add(string(given.get(3, b"")))
        else:
            touched.chains.add(string(given.get(2, b"")))

    def _receive(self) -> bytes | None:
        """What was told next: None if there is nothing, nothing where some of it was lost."""
        try:
            return self._socket.recv(_LARGEST)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return b""
            raise NetlinkError(f"nftables' changes cannot be read: {error.strerror}", error.errno) from error

    def _wait(self, deadline: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _is_later(one: int, other: int) -> bool:
    """True if a generation came after another; they are numbers of 32 bits that begin anew after the last."""
    return 0 < (one - other) & 0xFFFFFFFF < 1 << 31
