"""The tally of scans."""

from __future__ import annotations

from otel_calico.metrics import DROPPED_SCRAPE
from otel_calico.scanning.collector import Collector
from otel_calico.snapshot import ScanFailure, ScanReport, Snapshot
from tests.telemetry.snapshots import Node, example


def test_each_scan_is_counted_and_told_once_however_many_ask_for_it() -> None:
    told: list[Snapshot] = []
    collector = Collector(Node(example()), freshness=30.0)
    collector.subscribe(told.append)
    assert collector.scan() is collector.scan() is collector.latest
    assert collector.tally.results == {("success", ""): 1}
    assert len(told) == 1


def test_scans_are_counted_by_result_and_those_left_out_are_a_series() -> None:
    node = Node(Snapshot(1.0, report=ScanReport(below_minimum=True)))
    node.collector.scan()
    node.shown = Snapshot(2.0, failure=ScanFailure("empty", "nothing"))
    node.collector.scan()
    node.shown = Snapshot(3.0, report=ScanReport(below_minimum=True))
    (dropped,) = node.collector.scan().snapshot.readings
    assert (dropped.series.metric, dropped.values) == (DROPPED_SCRAPE, (2,))
    assert node.collector.tally.results == {("left_out", ""): 2, ("failure", "empty"): 1}
