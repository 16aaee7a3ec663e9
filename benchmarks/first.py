"""The first scrape of a ruleset against `iptables-legacy-save`.

The service starts on a node without rules and gets in sync; then all rules are written, and the next scrape is the
first to see them. So it parses, plans, accounts for and renders everything, and looks at both backends, while the
start of Python and the listing of etcd are not counted.
"""

from __future__ import annotations

import time

from benchmarks.node import BenchmarkNode
from benchmarks.process import save_cpu
from benchmarks.scrape import SAVE
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, compared, progress
from tests.node.service import Service

_SETTLE = 0.5  # seconds until the service has ended all it does once at the start


def measure(scale: Scale) -> list[Row]:
    """One row per shape."""
    return [_row(shape, scale.first_scrapes) for shape in scale.shapes]


def _row(shape: Shape, scrapes: int) -> Row:
    first: list[float] = []
    saves: list[float] = []
    with BenchmarkNode(shape) as node:
        for number in range(scrapes):
            progress(f"first scrape {shape}: {number + 1} of {scrapes}")
            with node.service() as service:
                service.start("/healthz").wait(lambda: _in_sync(service), "in sync with etcd")
                time.sleep(_SETTLE)
                node.program()
                with Scraper(service, node.namespace) as scraper:
                    first.append(scraper.cpu(gzipped=False))
                saves += [save_cpu(node.namespace) for _ in range(2)]
                if len(service.scrape()["no_policy_drop_counter"]) != 2 * shape.pods:
                    raise RuntimeError(f"first scrape {shape}: series are missing")
            node.clear()
    return compared(f"first scrape, {shape}", first, SAVE, saves, 2)


def _in_sync(service: Service) -> bool:
    return all(service.scrape()["otel_calico_datastore_in_sync"].values())
