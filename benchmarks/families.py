"""A warm scrape with all families on, against the same scrape with those that are on by default."""

from __future__ import annotations

import statistics

from benchmarks.node import BenchmarkNode
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, milliseconds, progress
from benchmarks.traffic import Traffic
from otel_calico.metrics import FAMILIES
from tests.node.service import Service


def measure(scale: Scale) -> list[Row]:
    """One row per shape."""
    return [_row(shape, scale.rounds) for shape in scale.shapes]


def _row(shape: Shape, rounds: int) -> Row:
    everything = {"OTEL_CALICO_METRICS_FAMILIES": ",".join(FAMILIES)}
    with BenchmarkNode(shape) as node:
        node.program()
        with (
            node.service() as usual,
            node.service(everything) as whole,
            Scraper(usual, node.namespace) as usual_scraper,
            Scraper(whole, node.namespace) as whole_scraper,
        ):
            series = [_warm_up(service.start()) for service in (usual, whole)]
            samples: list[list[float]] = [[], []]
            for number in range(rounds):
                progress(f"families {shape}: round {number + 1} of {rounds}")
                node.move(Traffic.TYPICAL)
                for scraper, of_service in zip((usual_scraper, whole_scraper), samples, strict=True):
                    of_service.append(scraper.cpu(gzipped=False))
    few, many = samples
    return Row(
        f"warm scrape, {shape}, {Traffic.TYPICAL.value}, all families: {series[1]:,} series",
        milliseconds(many),
        against=f"default families, {series[0]:,} series: {milliseconds(few)}",
        ratio=statistics.median(many) / statistics.median(few),
    )


def _warm_up(service: Service) -> int:
    """Scrape twice. The number of policy series."""
    service.scrape()
    return int(sum(service.scrape()["otel_calico_series"].values()))
