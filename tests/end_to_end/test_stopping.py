"""SIGTERM ends the service at once, with everything pushed that was counted."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.end_to_end.cluster import WEB
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import GROUP, labels
from tests.node.otlp_collector import OtlpCollector
from tests.node.service import Service

pytestmark = pytest.mark.node

LONGEST = 4.0
"""Seconds that a stop may take; Kubernetes gives 30."""


def scrape_until_gone(service: Service, scraped: list[int]) -> None:
    """Ask again and again, as several Prometheus servers would, until nobody answers."""
    while True:
        try:
            scraped.append(service.get("/metrics").status)
        except OSError:
            return


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_sigterm_amid_scrapes_and_pushes_ends_it_with_all_pushed(nft_node: LiveNode, protocol: str) -> None:
    for _ in range(4):
        with OtlpCollector(nft_node.namespace) as collector:
            collector.start()
            endpoint = collector.grpc_endpoint if protocol == "grpc" else collector.http_endpoint
            otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
            with nft_node.service({**otlp, "OTEL_METRIC_EXPORT_INTERVAL": "50"}) as service:
                service.start()
                statuses: list[int] = []
                scrapers = [threading.Thread(target=scrape_until_gone, args=(service, statuses)) for _ in range(3)]
                for scraper in scrapers:
                    scraper.start()
                nft_node.send({8080: 5})
                accepted = service.scrape()["policy_accept_counter"][labels(WEB, "tw", policy=GROUP)]
                nft_node.send({8080: 1})
                began = time.monotonic()
                assert service.stop(LONGEST) == 0, service.log
                stopped = time.monotonic() - began
                for scraper in scrapers:
                    scraper.join()
            pushed = collector.metrics()["policy_accept_counter"][labels(WEB, "tw", policy=GROUP)]
            assert pushed == accepted + 1
            assert set(statuses) == {200}
            assert stopped < LONGEST
            assert not [line for line in service.log.splitlines() if '"level": "info"' not in line]


def test_the_kernel_can_hand_a_sigterm_to_no_thread_but_the_one_that_waits_for_it(nft_node: LiveNode) -> None:
    with OtlpCollector(nft_node.namespace) as collector:
        collector.start()
        otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        with nft_node.service(otlp) as service:
            service.start()
            service.scrape()
            main = str(service.process.pid)
            tasks = [task for task in Path(f"/proc/{main}/task").iterdir() if task.name != main]
            assert len(tasks) > 5
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                assert [blocked(task) >> signal_number - 1 & 1 for task in tasks] == [1] * len(tasks)
            assert service.stop(LONGEST) == 0


def blocked(task: Path) -> int:
    """The signals that a thread has blocked."""
    status = (task / "status").read_text()
    return int(status.split("SigBlk:")[1].split()[0], 16)


def test_a_collector_that_hangs_does_not_keep_it_from_ending(nft_node: LiveNode) -> None:
    with OtlpCollector(nft_node.namespace) as collector:
        collector.start()
        with nft_node.service({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_endpoint}) as service:
            service.start()
            collector.pause()
            assert service.stop(8) == 0
            collector.resume()
