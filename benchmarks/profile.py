"""Where the time of a warm scrape goes, step by step, in a process that does nothing else: with warm caches.

What the whole scrape of the running service takes beyond these steps is the request itself, the start of
`iptables-save` and the reading of its output, and caches that others have used in between.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from isal import igzip

from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, milliseconds, progress
from benchmarks.traffic import Traffic, gains
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.scanning.scan import Scan
from otel_calico.service.exporters import Exporters
from otel_calico.snapshot import Snapshot
from otel_calico.sources.ruleset_source import Dump, GivenRules
from otel_calico.telemetry.export_settings import ExportSettings
from tests.felix import render

_KINDS = ("workloadendpoints", "networkpolicies", "globalnetworkpolicies")
_STEPS = ("parse", "attribute", "account", "policy series as text", "own metrics", "gzip")
_Samples = dict[str, list[float]]


class RecordedSource(GivenRules):
    """Shows one dump after the other."""

    backend = "legacy"

    def __init__(self, shape: Shape, traffic: Traffic, reads: int) -> None:
        node = shape.node()
        ruleset = render(node)
        gained = gains(node, ruleset, traffic)
        self._texts = (
            ruleset.dump({each: (10**5 + read * gained.get(each, 0), 10**7) for each in ruleset.hashes})
            for read in range(reads)
        )

    def read(self) -> Sequence[Dump]:
        """The next dump."""
        return [Dump(IPVersion.V4, next(self._texts))]


def measure(scale: Scale) -> list[Row]:
    """One row per shape and step."""
    return [row for shape in scale.shapes for row in _rows(shape, _sample(shape, scale.rounds))]


def _rows(shape: Shape, samples: _Samples) -> Iterator[Row]:
    whole = sum(statistics.median(samples[step]) for step in _STEPS)
    for step in _STEPS:
        what = f"profile, {shape}, {Traffic.TYPICAL.value}: {step}"
        of_whole = statistics.median(samples[step]) / whole
        yield Row(what, milliseconds(samples[step]), against=f"all steps {1e3 * whole:.1f} ms", ratio=of_whole)


def _sample(shape: Shape, rounds: int) -> _Samples:
    progress(f"profile {shape}")
    lookups = Lookups()
    shape.fill(lookups)
    source = RecordedSource(shape, Traffic.TYPICAL, reads=rounds + 2)
    scanner = NodeScanner(source, lookups)
    exposition, own = Exposition(), _own_page()
    samples: _Samples = defaultdict(list)
    for number in range(rounds + 2):
        snapshot = scanner.scan().snapshot
        marks = [time.thread_time()]
        text = b"".join(exposition.render(snapshot.readings, TextFormat.PROMETHEUS))
        marks.append(time.thread_time())
        own()
        marks.append(time.thread_time())
        igzip.compress(text, compresslevel=1)
        marks.append(time.thread_time())
        if number < 2:  # the first plans everything, the second finds where the counters stand
            gc.collect()
            gc.freeze()
            continue
        for step in _STEPS[:3]:
            samples[step].append(snapshot.report.seconds[step])
        for step, (before, after) in zip(_STEPS[3:], pairwise(marks), strict=True):
            samples[step].append(after - before)
    gc.unfreeze()
    return samples


class _NoRules:
    """A scanner that finds nothing."""

    lookups_version = 0

    def scan(self) -> Scan:
        """A good scan without series."""
        return Scan(Snapshot(time.time()))

    def close(self) -> None:
        """Nothing is under way."""


def _own_page() -> Callable[[], object]:
    """Renders a page without policy series."""
    status = DatastoreStatus({kind: KindStatus(in_sync=True, connected=True) for kind in _KINDS})
    collector = Collector(_NoRules(), freshness=0.0)
    page = Exporters(ExportSettings("node-1", listen_port=0), collector, lambda: status).page
    assert page is not None  # noqa: S101 - the prometheus exporter is on by default
    return lambda: page.render(TextFormat.PROMETHEUS)
