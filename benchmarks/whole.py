"""The whole price of a warm scrape on each dataplane: the service, the program that it starts, the kernel for both.

No counter moved. The programs' time is told to 10 ms by the kernel, so theirs is the mean over all scrapes.
"""

from __future__ import annotations

import statistics

from benchmarks.node import BACKEND, BenchmarkNode
from benchmarks.process import children_cpu_seconds
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale
from benchmarks.table import Row, milliseconds, progress
from tests.felix.nftables import render_nftables
from tests.node.iptables import clear, set_counters
from tests.node.nftables import delete_table, load_table

_DATAPLANES = {
    "legacy": "iptables legacy",
    "nft": "iptables nft",
    "nftables": "native nftables",
}


def measure(scale: Scale) -> list[Row]:
    """One row per shape and dataplane."""
    rows = []
    for shape in scale.shapes:
        with BenchmarkNode(shape) as node:
            for backend, name in _DATAPLANES.items():
                progress(f"whole scrape {shape}, {name}")
                _write(node, backend)
                rows.append(_row(node, name, scale.rounds))
                _clear(node, backend)
    return rows


def _row(node: BenchmarkNode, name: str, rounds: int) -> Row:
    with node.service() as service, Scraper(service, node.namespace) as scraper:
        pid = service.start().process.pid
        for _ in range(2):
            scraper.scrape(gzipped=False)
        before = children_cpu_seconds(pid)
        own = [scraper.cpu(gzipped=False) for _ in range(rounds)]
        programs = (children_cpu_seconds(pid) - before) / rounds
    whole = 1e3 * (statistics.median(own) + programs)
    against = f"service {milliseconds(own)}, programs {1e3 * programs:.1f} ms"
    return Row(f"whole warm scrape, {name}, {node.shape}, no counter moved", f"{whole:.1f} ms", against=against)


def _write(node: BenchmarkNode, backend: str) -> None:
    if backend == BACKEND:
        node.program()
    elif backend == "nft":
        counters = dict.fromkeys(node.ruleset.hashes, (10**5, 10**7))
        set_counters(node.namespace, node.ruleset.dump(counters), backend)
    else:
        table = render_nftables(node.shape.node())
        load_table(node.namespace, table.restore(dict.fromkeys(table.hashes, (10**5, 10**7))))


def _clear(node: BenchmarkNode, backend: str) -> None:
    if backend == "nftables":
        delete_table(node.namespace)
    else:
        clear(node.namespace, backend)
