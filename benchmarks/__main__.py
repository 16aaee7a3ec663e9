"""`python -m benchmarks [ROW …]`: measure, tell progress on standard error, print the table.

Each benchmark runs in a fresh process, so that none pays for another's memory. Needs root and `make setup`.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import (
    cache,
    churn,
    ebpf,
    families,
    first,
    generations,
    memory,
    native,
    profile,
    push,
    scrape,
    scrapers,
    watches,
    whole,
)
from benchmarks.shapes import Scale
from benchmarks.table import Row, markdown, progress, quote, write

BENCHMARKS: dict[str, Callable[[Scale], list[Row]]] = {
    "scrape": scrape.measure,
    "families": families.measure,
    "profile": profile.measure,
    "first": first.measure,
    "whole": whole.measure,
    "native": native.measure,
    "generations": generations.measure,
    "push": push.measure,
    "memory": memory.measure,
    "churn": churn.measure,
    "scrapers": scrapers.measure,
    "cache": cache.measure,
    "watches": watches.measure,
    "ebpf": ebpf.measure,
}


def run(names: Iterable[str], scale: Scale) -> list[Row]:
    """The rows of some benchmarks."""
    rows: list[Row] = []
    spawn = multiprocessing.get_context("spawn")
    for name in names:
        progress(f"--- {name}")
        with ProcessPoolExecutor(1, spawn) as fresh:
            measured = fresh.submit(BENCHMARKS[name], scale).result()
        for row in measured:
            progress(row.line)
        rows += measured
    return rows


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure otel-calico on its real parts.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(BENCHMARKS)}; all if none is given")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also put the table into this document")
    parser.add_argument("--quote", type=Path, metavar="FILE", help="also renew the rows that this document quotes")
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in BENCHMARKS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    table = markdown(run(given.rows or BENCHMARKS, Scale()))
    print(table)
    if given.write:
        write(given.write, table)
    if given.quote:
        quote(given.quote, table)


if __name__ == "__main__":
    main()
