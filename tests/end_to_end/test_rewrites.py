"""Legacy tables that are being rewritten all the time show no counter near zero."""

from __future__ import annotations

import pytest

from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.node.programs import Program, wait_until
from tests.node.service import parse_metrics

pytestmark = pytest.mark.node

SCRAPES = 500
SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
WRITES = """
while :; do
    printf '*filter\\n:foreign - -\\n-A foreign -p tcp --dport 22 -j ACCEPT\\nCOMMIT\\n' |
        iptables-legacy-restore --noflush
    echo written
done
"""


def counters(page: str) -> str:
    """The lines of a page that must not change while no packets come."""
    kept = (*POLICY_METRICS, "otel_calico_scan_unlocked")
    return "".join(line for line in page.splitlines(keepends=True) if line.startswith(kept))


def test_no_scrape_beside_a_writer_of_the_table_sees_its_counters_fall() -> None:
    with LiveNode.of_era(Era.C, "legacy") as node, Program("writer") as writer:
        service = node.service().start()
        traffic = {4: SENT, 6: SENT}
        for ip_version in traffic:
            SENT.send(node, ip_version)
        writer.launch(node.namespace.command("sh", "-c", WRITES))
        wait_until(lambda: "written" in writer.log, "the first write")
        before = writer.log.count("written")
        pages = {counters(service.get("/metrics").text) for _ in range(SCRAPES)}
        writes = writer.log.count("written") - before
        (only,) = pages
        metrics = parse_metrics(only)
        assert {name: metrics[name] for name in POLICY_METRICS} == expected(Era.C, traffic, traffic)
        assert metrics["otel_calico_scan_unlocked"] == {frozenset(): 0}
        assert writes > SCRAPES / 10
