"""One scan for everything that shows it, and the tally of scans."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from otel_calico.metrics import DROPPED_SCRAPE
from otel_calico.scanning.scan import Scan
from otel_calico.scanning.scans import Scans
from otel_calico.series import ScanFailure, ScanReport, Snapshot
from tests.attribution.node import WEB, ScannedNode
from tests.telemetry.snapshots import Node, example


def test_what_is_held_stays_the_same_while_the_node_moves_on() -> None:
    node = Node(example())
    scans = Scans(node.take)
    with scans.holding() as held:
        node.show()
        assert scans.take() is held
    assert scans.take() is not held
    assert node.taken == 2


def test_a_snapshot_taken_twice_is_one_scan() -> None:
    told: list[Snapshot] = []
    scans = Scans(Node(example()).take)
    scans.subscribe(told.append)
    assert scans.take() is scans.take()
    assert scans.results == {("success", ""): 1}
    assert len(told) == 1


def test_scans_are_counted_by_result_and_those_left_out_are_a_series() -> None:
    node = Node(Snapshot(1.0, report=ScanReport(below_minimum=True)))
    scans = Scans(node.take)
    scans.take()
    node.shown = Snapshot(2.0, failure=ScanFailure("empty", "nothing"))
    scans.take()
    node.shown = Snapshot(3.0, report=ScanReport(below_minimum=True))
    (dropped,) = scans.take().readings
    assert (dropped.series.metric, dropped.values) == (DROPPED_SCRAPE, (2,))
    assert scans.results == {("left_out", ""): 2, ("failure", "empty"): 1}


def test_series_and_rules_are_of_one_scan_whoever_scans_meanwhile() -> None:
    collector = ScannedNode(WEB).collector
    made: list[Scan] = []

    def collect() -> Scan:
        made.append(collector.scan())
        return made[-1]

    scans = Scans(collect)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: collector.scan(), range(100)))
        found = list(pool.map(lambda _: (scans.newest_scan, scans.scan()), range(100)))
    kept = {scan for pair in found for scan in pair if scan}
    assert len(kept) == 100
    rulesets = {scan.taken: scan.rulesets for scan in made}
    assert [scan for scan in kept if scan.rulesets is not rulesets[scan.taken]] == []


def test_a_collector_that_crashes_is_a_failed_scan() -> None:
    def crash() -> Scan:
        raise RuntimeError("out of memory")

    failure = Scans(crash).take().failure
    assert failure == ScanFailure("internal_error", "RuntimeError('out of memory')")


def test_a_recent_good_scan_serves_and_a_failed_one_does_not() -> None:
    node = Node(replace(example(), taken=4e9))
    scans = Scans(node.take)
    assert scans.recent(60) is scans.recent(60)
    assert node.taken == 1
    node.shown = Snapshot(4e9, failure=ScanFailure("empty", "nothing"))
    scans.take()
    scans.recent(60)
    assert node.taken == 3
