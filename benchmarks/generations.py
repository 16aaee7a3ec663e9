"""Scans of native nftables beside a writer: whether each is of one generation of the rules, and how often it reads.

Each transaction writes its number into a rule of the first chain and one of the last, and changes nothing else.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, progress
from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.sources.command import Limits
from otel_calico.sources.netlink.native_tables import NativeTables
from tests.felix.nftables import render_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import load_table

_PER_SECOND = 20
_MOST_READS = 3
_LIMITS = Limits(seconds=60)
_FIRST, _LAST = "cali-first", "cali-last"


def measure(scale: Scale) -> list[Row]:
    """One row per shape."""
    return [_row(shape, scale.scans_beside_a_writer) for shape in scale.shapes]


def _row(shape: Shape, scans: int) -> Row:
    tables, mixed, reads = NativeTables(), 0, []

    def scan() -> None:
        nonlocal mixed
        for _ in range(scans):
            table = tables.read(IPVersion.V4, _LIMITS)
            if table is None:
                raise RuntimeError("there is no table")
            mixed += _number(table.ruleset, _FIRST) != _number(table.ruleset, _LAST)
            reads.append(table.reads)

    with Namespace() as namespace:
        load_table(namespace, f"add table ip calico\nadd chain ip calico filter-{_FIRST}\n")
        load_table(namespace, render_nftables(shape.node()).restore())
        load_table(namespace, f"add chain ip calico filter-{_LAST}\n{transaction(0)}")
        progress(f"generations {shape}: {scans} scans beside a writer")
        with _writer(namespace):
            namespace.inside(scan)
    overtaken = sum(read > 1 for read in reads)
    what = f"native nftables, {shape}: {scans:,} scans beside a writer with {_PER_SECOND} transactions a second"
    measured = f"{mixed} of two generations; {overtaken} read some chains again, at most {max(reads)} reads"
    return Row(what, measured, f"0, ≤ {_MOST_READS} reads", not mixed and max(reads) <= _MOST_READS)


def transaction(number: int) -> str:
    """Text for `nft -f -`."""
    rule = f'counter packets {number} bytes 0 accept comment "number {number}"'
    chains = [f"ip calico filter-{name}" for name in (_LAST, _FIRST)]
    return "".join(f"flush chain {chain}\nadd rule {chain} {rule}\n" for chain in chains)


def _number(ruleset: Ruleset, chain: str) -> tuple[object, ...]:
    """What the rule of a chain says and counts."""
    found = ruleset.chains[chain]
    return tuple(rule and rule.comments for rule in found.layout.rules), tuple(found.all_packets)


@contextlib.contextmanager
def _writer(namespace: Namespace) -> Iterator[None]:
    """A process that writes, until the end."""
    command = namespace.command(sys.executable, "-m", "benchmarks.generations", str(_PER_SECOND))
    with subprocess.Popen(command, env={**os.environ}) as process:
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError("the writer ended early")
        finally:
            process.kill()


def _write(per_second: float) -> None:
    number = 0
    while True:
        began = time.monotonic()
        number += 1
        subprocess.run(["nft", "-f", "-"], input=transaction(number), text=True, check=True)
        time.sleep(max(0.0, began + 1 / per_second - time.monotonic()))


if __name__ == "__main__":
    _write(float(sys.argv[1]))
