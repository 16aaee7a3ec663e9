"""Pods that come and go for as long as a node lives: memory, scan time, and series that overflow.

In this process, with a source that changes half of its pods before every scan; each scan is rendered as a page,
every tenth is pushed.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from benchmarks.process import resident_megabytes
from benchmarks.receiver import NullReceiver
from benchmarks.rulesets import ChurningSource
from benchmarks.shapes import Scale
from benchmarks.table import Row, compared, progress
from otel_calico.calico.lookups import Lookups
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.service.exporters import Exporters
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol

_SCANS_PER_PUSH = 10
_STATIONS = (0.2, 0.6, 1.0)  # parts of the way at which memory is read
_GROWTH = 1.05  # memory at the end against that at the first station
_SLOWDOWN = 1.1  # scrapes of the last tenth against those of the tenth after the warm-up


@dataclass(slots=True)
class _Course:
    """What was seen on the way: CPU seconds of each scrape, MB at each station."""

    scrapes: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    overflow_points: int = 0


def measure(scale: Scale) -> list[Row]:
    """Memory, time and overflow."""
    course = _run(scale)
    tenth = max(1, len(course.scrapes) // 10)
    early, late = course.scrapes[tenth : 2 * tenth] or course.scrapes, course.scrapes[-tenth:]
    what = f"churn, {scale.pods_that_come_and_go:,} pods, {scale.churn} at a time"
    growth = course.resident[-1] / course.resident[0]
    stations = ", ".join(f"{megabytes:.1f}" for megabytes in course.resident)
    return [
        Row(
            f"{what}: memory at 20 %, 60 %, 100 %",
            f"{stations} MB",
            f"flat: ≤ {_GROWTH} times",
            growth <= _GROWTH,
            ratio=growth,
        ),
        compared(f"{what}: scrapes of the last tenth", late, "second tenth", early, _SLOWDOWN),
        Row(f"{what}: overflow points", str(course.overflow_points), "0", course.overflow_points == 0),
    ]


def _run(scale: Scale) -> _Course:
    lookups = Lookups()
    source = ChurningSource(scale.churn, lookups)
    collector = Collector(NodeScanner(source, lookups), freshness=0.0)
    course = _Course()
    with NullReceiver(Protocol.GRPC) as receiver:
        telemetry = Exporters(_settings(receiver.start().url), collector)
        while source.pods_so_far < scale.pods_that_come_and_go:
            course.scrapes.append(_scrape(telemetry))
            if len(course.scrapes) % _SCANS_PER_PUSH == 0:
                telemetry.pushes[0].push()
            if source.pods_so_far >= _STATIONS[len(course.resident)] * scale.pods_that_come_and_go:
                course.resident.append(resident_megabytes(os.getpid()))
                progress(f"churn: {source.pods_so_far:,} pods, {course.resident[-1]:.1f} MB")
        telemetry.stop()
        course.overflow_points = receiver.overflow_points
        if telemetry.pushes[0].tally.failures:
            raise RuntimeError(f"churn: {telemetry.pushes[0].tally}")
    return course


def _settings(url: str) -> ExportSettings:
    exporters = frozenset({Exporter.OTLP, Exporter.PROMETHEUS})
    return ExportSettings("node-1", exporters, otlp_endpoint=url, listen_port=0)


def _scrape(telemetry: Exporters) -> float:
    """CPU seconds for one scan and its page."""
    before = time.process_time()
    page = telemetry.page
    assert page is not None  # noqa: S101 - the exporter is on
    page.render(TextFormat.OPENMETRICS, gzipped=True)
    return time.process_time() - before
