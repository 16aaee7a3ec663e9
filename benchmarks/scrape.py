"""Warm scrapes against `iptables-legacy-save`, and scrapes after one endpoint chain changed against warm ones.

What is measured is the CPU time of the service process itself, all threads, HTTP and page included; what it waits
for, the save, is measured apart on the same ruleset, in turn with the scrapes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from benchmarks.node import BenchmarkNode
from benchmarks.process import save_cpu
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, compared, progress
from benchmarks.traffic import Traffic
from tests.node.service import Service

SAVE = "`iptables-legacy-save`"
_CHANGED_UNDER = (Traffic.QUIET, Traffic.TYPICAL)
_TAKEN_AND_BACK = range(2)
_Samples = dict[object, list[float]]


def measure(scale: Scale) -> list[Row]:
    """Rows of every shape."""
    shapes = zip(scale.shapes, scale.scrape_bars, strict=True)
    return [row for shape, bar in shapes for row in _rows(shape, bar, _sample(shape, scale.rounds))]


def _sample(shape: Shape, rounds: int) -> _Samples:
    """A service of its own for each traffic: what one left behind in memory is not met by another."""
    samples: _Samples = defaultdict(list)
    with BenchmarkNode(shape) as node:
        node.program()
        for traffic in Traffic:
            with node.service() as service:
                _warm_up(service.start(), shape)
                with Scraper(service, node.namespace) as scraper:
                    scraper.scrape(gzipped=False)
                    for number in range(rounds):
                        progress(f"scrape {shape}, {traffic.value}: round {number + 1} of {rounds}")
                        _round(node, scraper, traffic, samples)
    return samples


def _warm_up(service: Service, shape: Shape) -> None:
    """Scrape twice, and see that every series is there. Raises RuntimeError if not."""
    service.scrape()
    page = service.scrape()
    accepts, drops = len(page["policy_accept_counter"]), len(page["no_policy_drop_counter"])
    rules = sum(page["otel_calico_ruleset_rules"].values())
    if accepts != 2 * shape.pods * shape.policies or drops != 2 * shape.pods:
        raise RuntimeError(f"{shape}: {accepts} accept series and {drops} drop series")
    progress(f"scrape {shape}: {rules:.0f} rules, {sum(page['otel_calico_series'].values()):.0f} series")


def _round(node: BenchmarkNode, scraper: Scraper, traffic: Traffic, samples: _Samples) -> None:
    samples[SAVE, traffic].append(save_cpu(node.namespace))
    for gzipped in (False, True):
        node.move(traffic)
        samples[traffic, gzipped].append(scraper.cpu(gzipped=gzipped))
    for _ in _TAKEN_AND_BACK if traffic in _CHANGED_UNDER else ():
        node.move(traffic)
        node.change_one_chain()
        samples[traffic].append(scraper.cpu(gzipped=False))


def _rows(shape: Shape, bar: float, samples: _Samples) -> Iterator[Row]:
    """The bar is that of typical traffic, and so of less; the worst there is has none."""
    for traffic in Traffic:
        for gzipped in (False, True):
            what = f"warm scrape, {shape}, {traffic.value}{', gzip' if gzipped else ''}"
            held = None if traffic is Traffic.ALL else bar
            yield compared(what, samples[traffic, gzipped], SAVE, samples[SAVE, traffic], held)
    for traffic in _CHANGED_UNDER:
        what = f"scrape after one chain changed, {shape}, else {traffic.value}"
        yield compared(what, samples[traffic], "warm scrape", samples[traffic, False], 2)
