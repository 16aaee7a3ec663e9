"""Scrapes of a native nftables table against `nft -j -t list table ip calico`, the program they cannot do without.

The rules are in the kernel and really listed. Counters of nftables cannot be set in place, so where they move the
service is given the list with other counters, by a program of the same name.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.node import BenchmarkNode
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, compared, progress
from tests.felix.nftables import render_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import load_table

LIST = ("nft", "-j", "-t", "list", "table", "ip", "calico")
_NAME = "`nft -j -t list`"
_COUNTERS = re.compile(r'"packets": (\d+), "bytes": (\d+)')
_STAND_IN = (
    '#!/bin/sh\ncase "$*" in *ip6*) echo "Error: No such file or directory" >&2; exit 1; esac\nexec cat {file}\n'
)
_FIRST, _QUIET, _MOVED = "first scrape", "warm scrape", "every counter"


def measure(scale: Scale) -> list[Row]:
    """Three rows per shape."""
    return [row for shape in scale.shapes for row in _rows(shape, scale.rounds)]


def _rows(shape: Shape, rounds: int) -> list[Row]:
    samples: dict[str, list[float]] = defaultdict(list)
    with BenchmarkNode(shape) as node, tempfile.TemporaryDirectory() as directory:
        table = render_nftables(shape.node())
        load_table(node.namespace, table.restore(dict.fromkeys(table.hashes, (10**5, 10**7))))
        file = Path(directory, "list.json")
        file.write_text(node.namespace.run(*LIST))
        program = Path(directory, "nft")
        program.write_text(_STAND_IN.format(file=file))
        for number in range(rounds):
            progress(f"native nftables {shape}: round {number + 1} of {rounds}")
            with node.service() as service, Scraper(service, node.namespace) as scraper:
                service.start("/healthz")
                samples[_FIRST].append(scraper.cpu(gzipped=False))
                samples[_NAME].append(_list_cpu(node.namespace))
                samples[_QUIET].append(scraper.cpu(gzipped=False))
        program.chmod(0o755)
        path = {"PATH": f"{directory}:{os.environ['PATH']}"}
        with node.service(path) as service, Scraper(service, node.namespace) as scraper:
            service.start()
            scraper.scrape(gzipped=False)
            for _ in range(rounds):
                file.write_text(_COUNTERS.sub(_more, file.read_text()))
                samples[_MOVED].append(scraper.cpu(gzipped=False))
    listed, name = samples[_NAME], f"native nftables, {shape}"
    return [
        compared(f"first scrape, {name}", samples[_FIRST], _NAME, listed, 2),
        compared(f"warm scrape, {name}, no counter moved", samples[_QUIET], _NAME, listed, 0.25),
        compared(f"warm scrape, {name}, every counter of every rule moved", samples[_MOVED], _NAME, listed, 0.25),
    ]


def _more(found: re.Match[str]) -> str:
    return f'"packets": {int(found[1]) + 7}, "bytes": {int(found[2]) + 420}'


def _list_cpu(namespace: Namespace) -> float:
    """CPU seconds of one list, read through a pipe."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(LIST, stdout=subprocess.PIPE, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return namespace.inside(run)
