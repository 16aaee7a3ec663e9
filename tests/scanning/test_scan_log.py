"""What the log says of scans: each thing once, when it begins, and when it is over."""

from __future__ import annotations

from structlog.testing import capture_logs

from otel_calico.accounting.cardinality import CardinalityChoice
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.scanning.scan_log import ScanLog
from otel_calico.sources.ruleset_source import SourceError
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Era, render
from tests.felix.example import example_node

DUMP = render(example_node(Era.E)).dump()


def test_what_is_wrong_is_logged_once_and_its_end_too() -> None:
    node, scan_log = ScannedNode(), ScanLog()
    with capture_logs() as logs:
        node.source.error = SourceError("time_limit", "too slow")
        for _ in range(3):
            scan_log.tell(node.scan())
        node.source.error = None
        for _ in range(3):
            scan_log.tell(node.scan(DUMP))
    assert [entry["event"] for entry in logs] == ["scan_failed", "scan_recovered", "interfaces_without_workload"]


def test_a_limit_that_leaves_series_out_is_logged_when_it_begins_to() -> None:
    settings = ScanSettings(cardinality=CardinalityChoice(limit=5))
    node, scan_log = ScannedNode(WEB, settings=settings), ScanLog()
    with capture_logs() as logs:
        for _ in range(3):
            scan_log.tell(node.scan(DUMP))
    (entry,) = (entry for entry in logs if entry["event"] == "series_limit_reached")
    assert entry["left_out"] == {metric.exposed: count for metric, count in node.scan().report.series_left_out.items()}
    assert sum(entry["left_out"].values()) == len(page(ScannedNode(WEB).scan(DUMP))) - 5
