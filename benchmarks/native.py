"""Whole scrapes of native nftables, children and kernel included, against `nft -j -t list` of both IP versions.

Rules are in the kernel, and their counters move because packets pass. A scrape of this dataplane starts no program but
when it looks at all dataplanes; then what those took is counted too.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable

from benchmarks.node import BenchmarkNode, without_one_policy
from benchmarks.packets import Packets
from benchmarks.process import children_cpu_seconds, cpu_of, peak_megabytes
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, compared, progress
from benchmarks.traffic import ONE_IN
from tests.felix.nftables import NftTable, render_nftables, update_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, load_table
from tests.node.service import Service

_NAME = "`nft -j -t list`"
_LISTS = tuple(("nft", "-j", "-t", "list", "table", family, "calico") for family in ("ip", "ip6"))
_PEAK = 150  # MB
_BARS = {
    "warm scrape, no counter moved": 0.20,
    "warm scrape, traffic on a tenth of the pods": 0.22,
    "warm scrape, traffic on every pod": 0.30,
    "scrape after one chain changed, no counter moved": 0.35,
    "first scrape": 1.3,
}
_QUIET, _TYPICAL, _ALL, _CHANGED, _FIRST = _BARS
_Samples = dict[str, list[float]]


def measure(scale: Scale) -> list[Row]:
    """Six rows per shape."""
    return [row for shape in scale.shapes for row in _rows(shape, scale)]


def _rows(shape: Shape, scale: Scale) -> list[Row]:
    samples: _Samples = defaultdict(list)
    with BenchmarkNode(shape) as node:
        packets = Packets(node.namespace, shape.workloads)
        peak = _sample_warm(node, packets, scale.rounds, samples)
        for number in range(scale.first_scrapes):
            progress(f"native nftables {shape}: first scrape {number + 1} of {scale.first_scrapes}")
            _sample_first(node, samples)
    rows = [compared(f"native nftables, {shape}: {what}", samples[what], _NAME, samples[_NAME], bar)
            for what, bar in _BARS.items()]  # fmt: skip
    memory = f"native nftables, {shape}: peak memory of a warm scrape, no child"
    return [*rows, Row(memory, f"{peak:.0f} MB", f"≤ {_PEAK} MB", peak <= _PEAK)]


def _sample_warm(node: BenchmarkNode, packets: Packets, rounds: int, samples: _Samples) -> float:
    """Peak memory in MB of the scrapes in which most counters moved."""
    endpoints = node.shape.node().endpoints
    tables = _load(node)
    moves: dict[str, Callable[[], object]] = {
        _QUIET: lambda: None,
        _TYPICAL: lambda: packets.send(endpoints[::ONE_IN]),
        _ALL: lambda: packets.send(endpoints),
        _CHANGED: lambda: _change(node, tables),
    }
    peak = 0.0
    for what, move in moves.items():
        with node.service() as service, Scraper(service, node.namespace) as scraper:
            _await_all(service.start(), node.shape)
            for number in range(rounds + 1):
                progress(f"native nftables {node.shape}, {what}: round {number} of {rounds}")
                move()
                taken, megabytes = _whole_cpu(service, scraper)
                if not number:  # the first makes room for what moves
                    continue
                samples[what].append(taken)
                samples[_NAME].append(_list_cpu(node.namespace))
                peak = max(peak, megabytes)
    return peak


def _load(node: BenchmarkNode) -> list[NftTable]:
    """Load the table. It, and the one in which a pod has a policy less."""
    tables = [render_nftables(each) for each in (node.shape.node(), without_one_policy(node.shape.node()))]
    load_table(node.namespace, tables[0].restore(dict.fromkeys(tables[0].hashes, (10**5, 10**7))))
    return tables


def _change(node: BenchmarkNode, tables: list[NftTable]) -> None:
    """Take a policy from one pod, or give it back."""
    before, after = tables
    load_table(node.namespace, update_nftables(before, after))
    tables.reverse()


def _sample_first(node: BenchmarkNode, samples: _Samples) -> None:
    """The service is in sync before there are rules, as in `benchmarks.first`."""
    delete_table(node.namespace)
    with node.service() as service, Scraper(service, node.namespace) as scraper:
        service.start("/healthz").wait(lambda: _in_sync(service), "in sync with etcd")
        time.sleep(0.5)  # until it has ended all that it does once at the start
        _load(node)
        samples[_FIRST].append(_whole_cpu(service, scraper)[0])
        _await_all(service, node.shape)


def _in_sync(service: Service) -> bool:
    return all(service.scrape()["otel_calico_datastore_in_sync"].values())


def _await_all(service: Service, shape: Shape) -> None:
    page = service.scrape()
    drops = len(page["no_policy_drop_counter"])
    readers = {dict(labels)["reader"] for labels in page["otel_calico_backend_info"]}
    if drops != 2 * shape.pods or readers != {"netlink"}:
        raise RuntimeError(f"{shape}: {drops} drop series, read by {readers}")


def _whole_cpu(service: Service, scraper: Scraper) -> tuple[float, float]:
    """CPU seconds of one scrape, of the service and of what it started, and its peak memory in MB."""
    pid, own, children = service.process.pid, 0.0, children_cpu_seconds(service.process.pid)

    def scrape() -> None:
        nonlocal own
        own = cpu_of(pid, lambda: scraper.scrape(gzipped=False))

    peak = peak_megabytes(pid, scrape)
    return own + children_cpu_seconds(pid) - children, peak


def _list_cpu(namespace: Namespace) -> float:
    """CPU seconds of the lists of both IP versions, read through a pipe; only IPv4 has a table."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for command in _LISTS:
            subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return namespace.inside(run)
