"""A cluster under watch, shared by the tests of a module."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitoring import rules
from tests.monitoring.alertmanager import Alertmanager
from tests.monitoring.simulated_cluster import SimulatedCluster
from tests.node.programs import wait_until
from tests.node.prometheus import Prometheus

STEP = 0.4
"""Seconds between packets: Prometheus scrapes every second."""

HASTE = {
    "runbookBaseUrl": "https://git.example.com/runbooks",
    "alerts": {
        name: {"for": "1s"}
        | ({"window": "5s", "packets": 5} if name == "CalicoWorkloadDropsFrequent" else {})
        | ({"policies": ["default.block-9090"]} if name == "CalicoKeyPolicyQuiet" else {})
        for name in rules.alert_names()
    },
}
"""Values that make alerts fire within the life of a test."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The cluster, and who watches it."""

    cluster: SimulatedCluster
    prometheus: Prometheus
    alertmanager: Alertmanager

    def go_on_until(self, ready: Callable[[], bool], what: str) -> None:
        """Let packets come until the answer is yes."""

        def stepped() -> bool:
            self.cluster.step()
            time.sleep(STEP)
            return ready()

        wait_until(stepped, what, seconds=60)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Everything runs; the rules are those of the chart, in haste."""
    directory: Path = tmp_path_factory.mktemp("cluster")
    file = directory / "rules.yml"
    file.write_text(rules.as_yaml({"groups": rules.groups(HASTE)}))
    with SimulatedCluster(directory) as cluster, Alertmanager() as alertmanager:
        alertmanager.start()
        settings = {
            "scrape_configs": cluster.targets(),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
        }
        with Prometheus("", rules=(str(file),), settings=settings) as prometheus:
            yield Watched(cluster, prometheus.start(), alertmanager)
