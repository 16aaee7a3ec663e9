"""A scan is of one generation of the kernel's rules, whatever is committed while it reads."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.sources.command import Limits
from otel_calico.sources.netlink.chain_list import TABLE
from otel_calico.sources.netlink.changes import Changes
from otel_calico.sources.netlink.connection import BUFFER_SIZE, Connection, kernel_socket
from otel_calico.sources.netlink.native_table import Access, NativeTable, NativeTableReader
from otel_calico.sources.netlink.native_tables import NativeTables
from tests.end_to_end.cluster import felix_node
from tests.felix import Era
from tests.felix.nftables import render_nftables, update_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, load_table
from tests.ruleset.contents import told
from tests.sources.netlink.both_ways import listed, read

pytestmark = pytest.mark.node

SCANS, OVERTAKEN = 200, 10
CHAINS = 150
FIRST, LAST = "cali-0", f"cali-{CHAINS - 1}"
_BETWEEN = 'counter accept comment "cali:AAAAAAAAAAAAAAAA; of every pod"'


def table() -> str:
    """A table whose first and last chain have one rule each, whose comments are written together."""
    lines = ["add table ip calico", "add set ip calico addresses { type ipv4_addr; }"]
    for number in range(CHAINS):
        lines.append(f"add chain ip calico filter-cali-{number}")
        if 0 < number < CHAINS - 1:
            lines += [f"add rule ip calico filter-cali-{number} {_BETWEEN}"] * 20
    return "\n".join([*lines, written(0)])


def written(number: int) -> str:
    """The transaction of a number, which writes that number into the first and the last chain."""
    lines = []
    for chain in (LAST, FIRST):
        lines += [
            f"flush chain ip calico filter-{chain}",
            f'add rule ip calico filter-{chain} counter packets {number} bytes 1 accept comment "number {number}"',
        ]
    return "\n".join([*lines, ""])


WRITER = """
import subprocess, sys, time
from tests.sources.netlink.test_generations import written
pace, number = 1 / float(sys.argv[1]), 0
nft = lambda text: subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
while True:
    started = time.monotonic()
    number += 1
    nft(written(number))
    time.sleep(max(0, started + pace - time.monotonic()))
"""


@contextmanager
def writer(namespace: Namespace, per_second: int) -> Iterator[None]:
    """Commits so many transactions a second."""
    process = subprocess.Popen(namespace.command("python3", "-c", WRITER, str(per_second)), env={**os.environ})
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def numbers(ruleset: Ruleset) -> list[tuple[object, ...]]:
    """What the first and the last chain were written to say, and to count."""
    return [
        (rule and rule.comments, chain.packets([0]))
        for chain in (ruleset.chains[FIRST], ruleset.chains[LAST])
        for rule in chain.layout.rules
    ]


@pytest.mark.slow
def test_scans_beside_a_writer_are_each_of_one_generation(namespace: Namespace) -> None:
    load_table(namespace, table())
    tables = NativeTables()

    found: list[NativeTable] = []

    def scan() -> None:
        while len(found) < SCANS or sum(scanned.reads > 1 for scanned in found) < OVERTAKEN:
            scanned = tables.read(IPVersion.V4, Limits())
            assert scanned
            found.append(scanned)

    with writer(namespace, per_second=20):
        namespace.inside(scan)
    for scanned in found:
        first, last = numbers(scanned.ruleset)
        assert first == last
    assert max(scanned.reads for scanned in found) <= 3


def test_chains_that_no_transaction_touched_are_the_same_objects(namespace: Namespace) -> None:
    load_table(namespace, table())
    tables = NativeTables()
    before = read(namespace, tables).ruleset
    same = read(namespace, tables).ruleset
    assert all(same.chains[name] is chain for name, chain in before.chains.items())
    assert same.layouts is before.layouts

    namespace.run("nft", "add", "element", "ip", "calico", "addresses", "{ 1.2.3.4 }")
    same = read(namespace, tables).ruleset
    assert all(same.chains[name] is chain for name, chain in before.chains.items())
    assert same.layouts is before.layouts

    load_table(namespace, written(1))
    after = read(namespace, tables).ruleset
    assert [name for name, chain in before.chains.items() if after.chains[name] is not chain] == [FIRST, LAST]
    assert numbers(after) == [(("number 1",), [1])] * 2


def test_a_table_made_anew_and_a_chain_of_another_name_are_read_anew(namespace: Namespace) -> None:
    jump = 'add rule ip calico filter-cali-1 counter jump filter-cali-2 comment "cali:AAAAAAAAAAAAAAAB;"\n'
    load_table(namespace, table() + jump)
    tables = NativeTables()
    before = read(namespace, tables).ruleset
    namespace.run("nft", "rename", "chain", "ip", "calico", "filter-cali-2", "filter-cali-two")
    renamed = read(namespace, tables).ruleset
    assert told(renamed) == told(listed(namespace))
    assert renamed.chains["cali-1"].layout.rules[-1] != before.chains["cali-1"].layout.rules[-1]

    delete_table(namespace)
    assert namespace.inside(lambda: tables.read(IPVersion.V4, Limits())) is None
    load_table(namespace, table() + jump)
    anew = read(namespace, tables).ruleset
    assert told(anew) == told(before)
    assert not any(anew.chains[name].layout is chain.layout for name, chain in before.chains.items())


class Interrupted:
    """A read before one of whose chains something is done."""

    def __init__(self, at: int, action: object) -> None:
        self._left = at
        self._action = action

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            assert callable(self._action)
            self._action()


def read_meanwhile(
    namespace: Namespace, reader: NativeTableReader, action: object, buffer: int = 1 << 20
) -> NativeTable | None:
    """Read while something is done half way."""

    def scan() -> NativeTable | None:
        with closing(kernel_socket()) as asks, closing(kernel_socket()) as listens:
            connection = Connection(asks, bytearray(BUFFER_SIZE), time.monotonic() + 60)
            changes = Changes(listens, TABLE, buffer)
            return reader.read(Access(connection, changes, Interrupted(CHAINS // 2, action), 1 << 28))

    return namespace.inside(scan)


def test_what_a_transaction_touched_meanwhile_is_read_again_and_nothing_else(namespace: Namespace) -> None:
    load_table(namespace, table())
    reader = NativeTableReader(IPVersion.V4)
    for number, script in enumerate(
        [
            written(7),
            "add element ip calico addresses { 1.2.3.5 }\n",
            "add table ip other\nadd chain ip other a\nadd rule ip other a counter\n",
            "add chain ip calico filter-cali-new\nadd rule ip calico filter-cali-new counter accept\n",
            "flush chain ip calico filter-cali-new\ndelete chain ip calico filter-cali-new\n",
            "delete table ip calico\n" + table(),
        ]
    ):
        scanned = read_meanwhile(namespace, reader, lambda text=script: load_table(namespace, text))
        assert scanned
        assert told(scanned.ruleset) == told(listed(namespace)), script
        assert scanned.reads == (1 if number in {1, 2} else 2), script
    gone = read_meanwhile(namespace, reader, lambda: delete_table(namespace))
    assert gone is None


def test_more_changes_than_can_be_told_let_everything_be_read_again(namespace: Namespace) -> None:
    load_table(namespace, table())
    many = "\n".join(written(number) for number in range(500))
    scanned = read_meanwhile(namespace, NativeTableReader(IPVersion.V4), lambda: load_table(namespace, many), buffer=1)
    assert scanned
    assert scanned.reads == 2
    assert numbers(scanned.ruleset) == [(("number 499",), [499])] * 2


def test_two_readers_at_once_and_signals_do_not_disturb(namespace: Namespace) -> None:
    before, after = (render_nftables(felix_node(era)) for era in (Era.D, Era.E))
    load_table(namespace, before.restore())
    wanted = told(listed(namespace))
    found: list[object] = []

    def scans() -> None:
        tables = NativeTables()
        for _ in range(50):
            scanned = tables.read(IPVersion.V4, Limits())
            assert scanned
            found.append(told(scanned.ruleset))

    others = [threading.Thread(target=namespace.inside, args=(scans,)) for _ in range(2)]
    formerly = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for each in others:
            each.start()
        for each in others:
            each.join()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, formerly)
    assert found == [wanted] * 100
    load_table(namespace, update_nftables(before, after))
    assert told(read(namespace).ruleset) == told(listed(namespace))
