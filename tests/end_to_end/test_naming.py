"""Both namings of the page show the same values, and Prometheus's own tool can read them."""

from __future__ import annotations

import subprocess

import pytest

from otel_calico.metrics import POLICY_LAST_HIT, POLICY_METRICS
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import Traffic, filled
from tests.felix import Era
from tests.node.programs import find_program
from tests.node.service import Metrics, Service

pytestmark = pytest.mark.node

SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
ON_BY_DEFAULT = ("accountant", "policy")
LINT = 3
"""Exit code of `promtool check metrics` for a page it can read but has remarks on; 1 is for one it cannot read."""


def policy_series(service: Service) -> Metrics:
    """Policy series by name without `_total`, as Prometheus stores them."""
    names = {metric.exposed.removesuffix("_total") for metric in POLICY_METRICS if metric.family in ON_BY_DEFAULT}
    page = {name.removesuffix("_total"): series for name, series in service.scrape().items()}
    # A moment in whole seconds, that of each service's own scan.
    page[POLICY_LAST_HIT.exposed] = dict.fromkeys(page[POLICY_LAST_HIT.exposed], 0.0)
    return {name: filled(page[name]) for name in names}


def promtool(page: str) -> tuple[int, list[str]]:
    """Exit code and remarks on a page."""
    command = [find_program("promtool"), "check", "metrics"]
    ended = subprocess.run(command, input=page, capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, ended.stderr.splitlines()


def test_the_pages_of_both_namings_have_equal_values_and_can_be_parsed() -> None:
    with LiveNode.of_era(Era.E, "nft") as node:
        plain = node.service().start()
        stock = node.service({"OTEL_CALICO_PROMETHEUS_NAMING": "opentelemetry"}).start()
        for ip_version in (4, 6):
            SENT.send(node, ip_version)
        assert policy_series(stock) == policy_series(plain)
        assert "policy_accept_counter_total" in stock.scrape()

        named_as_ever = {metric.exposed for metric in POLICY_METRICS if metric.family == "accountant"}
        named_as_ever.add("calico_accountant_dropped_scrape")
        code, remarks = promtool(plain.get("/metrics").text)
        assert (code, {remark.split(" ")[0] for remark in remarks}) == (LINT, named_as_ever)
        code, remarks = promtool(stock.get("/metrics").text)
        assert code in {0, LINT}, remarks
