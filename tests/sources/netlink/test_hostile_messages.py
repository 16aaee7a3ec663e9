"""Whatever comes over the socket, what comes of it is a table or a failure with a name."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_calico.sources.netlink.chain_list import request_for_rules
from otel_calico.sources.netlink.chain_messages import ChainMessages, NewChains
from otel_calico.sources.netlink.connection import BUFFER_SIZE, Connection, kernel_socket
from otel_calico.sources.netlink.messages import MalformedMessageError, NetlinkError, messages
from tests.end_to_end.cluster import WEB, felix_node
from tests.felix import Era
from tests.felix.nftables import render_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import load_table

CHAIN = f"cali-tw-{WEB.interface}"
REQUEST = request_for_rules(2, f"filter-{CHAIN}")
RULE, ERROR, DONE = 0xA06, 2, 3
Answer = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def dumped() -> bytes:
    """The kernel's messages of a chain of Felix's."""

    def dump() -> bytes:
        with closing(kernel_socket()) as kernel:
            connection = Connection(kernel, bytearray(BUFFER_SIZE), time.monotonic() + 5)
            size, _ = connection.dump(REQUEST, 1 << 20)
            return bytes(connection.buffer[:size])

    with Namespace() as namespace:
        load_table(namespace, render_nftables(felix_node(Era.E)).restore())
        return namespace.inside(dump)


def message(kind: int, content: bytes, *, flags: int = 2, sequence: int = 1) -> bytes:
    """A message of netlink to the service."""
    return struct.pack("=IHHII", 16 + len(content), kind, flags, sequence, 0) + content


@pytest.mark.node
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_messages_with_wrong_bytes_are_a_chain_or_malformed(dumped: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(dumped)
    places = st.integers(0, len(spoilt) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        spoilt[place] = value
    del spoilt[data.draw(st.one_of(st.just(len(spoilt)), places)) :]
    read = read_or_told(bytes(spoilt))
    if read:
        known = NewChains().read(CHAIN, dumped)
        assert len(read.chain.layout) == len(read.chain.all_packets)
        assert known.takes(spoilt, len(spoilt)) or read.handles != known.handles or len(spoilt) != len(dumped)


@pytest.mark.node
def test_every_part_of_a_message_may_be_its_last(dumped: bytes) -> None:
    whole = {found.end for found in messages(dumped)}
    for end in {*whole, *range(1, len(dumped), 17)}:
        if end in whole:
            NewChains().read(CHAIN, dumped[:end])
        else:
            with pytest.raises(MalformedMessageError):
                NewChains().read(CHAIN, dumped[:end])


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_malformed(data: bytes) -> None:
    read_or_told(data)


def read_or_told(data: bytes) -> ChainMessages | None:
    """A chain, or None where the messages are malformed."""
    with contextlib.suppress(MalformedMessageError):
        return NewChains().read(CHAIN, data)
    return None


@contextmanager
def answered(answer: Answer, seconds: float = 5) -> Iterator[Connection]:
    """A connection whose other end is not the kernel."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    def serve() -> None:
        there.recv(1 << 16)
        with contextlib.suppress(OSError):  # it was enough
            answer(there)

    with closing(here), closing(there):
        other = threading.Thread(target=serve)
        other.start()
        try:
            yield Connection(here, bytearray(BUFFER_SIZE), time.monotonic() + seconds)
        finally:
            here.close()
            other.join()


def sends(*parts: bytes) -> Answer:
    def answer(end: socket.socket) -> None:
        for part in parts:
            end.send(part)

    return answer


def without_end(end: socket.socket) -> None:
    while True:
        end.send(message(RULE, bytes(4) + bytes(4000)))


ENDED = message(DONE, bytes(4))
ODD = message(RULE, bytes(4) + message(DONE, bytes(4)))
"""A rule whose comment is what ends a dump."""


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        (sends(message(ERROR, struct.pack("=i", -errno.EPERM))), errno.EPERM, "not permitted"),
        (sends(message(RULE, bytes(40)), message(DONE, struct.pack("=i", -errno.ENOBUFS))), errno.ENOBUFS, "buffer"),
        (sends(b"abc"), 0, "3 bytes"),
        (sends(message(RULE, bytes(40), sequence=7)), 0, "not asked"),
        (sends(message(RULE, bytes(BUFFER_SIZE))), 0, "bytes"),
        (without_end, errno.EFBIG, "more than 1 MiB"),
        (lambda _: time.sleep(0.4), errno.ETIMEDOUT, "in time"),
    ],
)
def test_a_bad_answer_is_told(answer: Answer, code: int, word: str) -> None:
    with answered(answer, seconds=0.2 if code == errno.ETIMEDOUT else 5) as connection:
        with pytest.raises(NetlinkError) as failed:
            connection.dump(REQUEST, 1 << 20)
        assert failed.value.code == code
        assert word in str(failed.value)
        assert failed.value.refused is (code == errno.EPERM)


def test_a_dump_that_goes_on_until_its_time_is_over_is_told() -> None:
    with answered(without_end, seconds=0.2) as connection, pytest.raises(NetlinkError) as failed:
        connection.dump(REQUEST, 1 << 40)
    assert failed.value.code == errno.ETIMEDOUT


@pytest.mark.parametrize(
    ("parts", "size", "interrupted"),
    [
        ([ENDED], 0, False),
        ([message(RULE, bytes(40)), ENDED], 56, False),
        ([message(RULE, bytes(40)) + ENDED], 56, False),
        ([message(RULE, bytes(40)) * 2, message(RULE, bytes(20)) + ENDED], 148, False),
        ([ODD, ODD + ENDED], 2 * len(ODD), False),
        ([message(RULE, bytes(40)), message(RULE, bytes(40), flags=0x12), ENDED], 112, True),
        ([message(RULE, bytes(40)), message(DONE, bytes(4), flags=0x12)], 56, True),
    ],
)
def test_a_dump_ends_where_it_says(parts: Sequence[bytes], size: int, interrupted: bool) -> None:  # noqa: FBT001
    with answered(sends(*parts)) as connection:
        assert connection.dump(REQUEST, 1 << 20) == (size, interrupted)
