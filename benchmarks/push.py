"""CPU time per series of one OTLP push in which every value moved. The scan behind it is measured elsewhere."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.receiver import NullReceiver
from benchmarks.rulesets import MovingSource
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, progress
from otel_calico.calico.lookups import Lookups
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.scanning.scan import Scan
from otel_calico.service.exporters import Exporters
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol

_BAR = 60  # µs
_PATIENCE = 30.0  # seconds for one request


def measure(scale: Scale) -> list[Row]:
    """One row per protocol, on the largest shape."""
    return [_row(scale.largest, protocol, scale.rounds) for protocol in Protocol]


class _Prepared:
    """A scanner whose scans are made before somebody asks, so that a push can be measured alone."""

    lookups_version = 0

    def __init__(self, scanner: NodeScanner) -> None:
        self._scanner = scanner
        self.prepare()

    def prepare(self) -> None:
        """Make the next scan."""
        self._scan = self._scanner.scan()

    def scan(self) -> Scan:
        """The scan that was made."""
        return self._scan

    def close(self) -> None:
        """Nothing is under way."""


def _row(shape: Shape, protocol: Protocol, rounds: int) -> Row:
    lookups = Lookups()
    shape.fill(lookups)
    scanner = _Prepared(NodeScanner(MovingSource(shape), lookups))
    samples: list[float] = []
    with NullReceiver(protocol) as receiver, _as_in_service():
        settings = ExportSettings(
            "node-1",
            frozenset({Exporter.OTLP}),
            otlp_protocol=protocol,
            otlp_endpoint=receiver.start().url,
            otlp_timeout=_PATIENCE,
            listen_port=0,
        )
        telemetry = Exporters(settings, Collector(scanner, freshness=0.0))
        (push,) = telemetry.pushes
        push.push()
        series = push.tally.points
        for number in range(rounds):
            progress(f"push {protocol.value}: {number + 1} of {rounds}, {series} series")
            scanner.prepare()
            before = time.process_time()
            push.push()
            samples.append((time.process_time() - before) / series * 1e6)
        telemetry.stop()
        if push.tally.failures or receiver.points < series * rounds:
            raise RuntimeError(f"{push.tally}; {receiver.points} points arrived")
    middle = statistics.median(samples)
    measured = f"{middle:.0f} µs per series ({min(samples):.0f} to {max(samples):.0f})"
    return Row(f"OTLP push, {protocol.value}, {series:,} series", measured, f"≤ {_BAR} µs", middle <= _BAR)


@contextmanager
def _as_in_service() -> Iterator[None]:
    """Keep the garbage collector off what exists now, as the service does after its first scan."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
