"""Memory of the service with etcd and OTLP on, after a while of scrapes and pushes in which every counter moved."""

from __future__ import annotations

import time

from benchmarks.node import BenchmarkNode
from benchmarks.process import resident_megabytes
from benchmarks.receiver import NullReceiver
from benchmarks.scraper import Scraper
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, progress
from benchmarks.traffic import Traffic
from otel_calico.telemetry.export_settings import Protocol
from tests.node.service import Service

_SCRAPES_PER_MOVE = 4


def measure(scale: Scale) -> list[Row]:
    """One row per shape and protocol."""
    shapes = zip(scale.shapes, scale.memory_bars, strict=True)
    return [_row(shape, bar, protocol, scale) for shape, bar in shapes for protocol in Protocol]


def _row(shape: Shape, bar: int, protocol: Protocol, scale: Scale) -> Row:
    with BenchmarkNode(shape) as node, NullReceiver(protocol, node.namespace) as receiver:
        node.program()
        push = {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": receiver.start().url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol.value,
            "OTEL_METRIC_EXPORT_INTERVAL": str(int(scale.push_interval * 1e3)),
        }
        with node.service(push) as service:
            service.start()
            pid = service.process.pid
            started = resident_megabytes(pid)
            with Scraper(service, node.namespace) as scraper:
                for number in range(scale.scrapes_before_memory):
                    progress(f"memory {shape}, {protocol.value}: scrape {number + 1} of {scale.scrapes_before_memory}")
                    if number % _SCRAPES_PER_MOVE == 0:
                        node.move(Traffic.ALL)
                    scraper.scrape(gzipped=True)
            _await_pushes(service, scale)
            resident = resident_megabytes(pid)
    measured = f"{resident:.0f} MB, {started:.0f} MB when ready"
    return Row(f"memory (RSS), {shape}, etcd, OTLP {protocol.value}", measured, f"≤ {bar} MB", resident <= bar)


def _await_pushes(service: Service, scale: Scale) -> None:
    """Wait until enough pushes arrived whole."""
    pushes = scale.pushes_before_memory

    def arrived() -> bool:
        time.sleep(scale.push_interval / 2)
        page = service.scrape()
        series = sum(page["otel_calico_series"].values())
        return sum(page["otel_calico_otlp_points_total"].values()) >= pushes * series

    service.wait(arrived, f"{pushes} pushes", seconds=20 + 20 * scale.push_interval * pushes)
