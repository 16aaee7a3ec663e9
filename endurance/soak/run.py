"""The run: rounds of change and traffic, each with a look at the service, and the books at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

from benchmarks.process import cpu_of
from endurance.soak.books import Books
from endurance.soak.course import Row, Sample, flat
from endurance.soak.population import ERA, Population, Scale
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import Traffic
from tests.node.otlp_collector import OtlpCollector
from tests.node.pod import Pod
from tests.node.prometheus import Prometheus
from tests.node.service import Service

SENT = Traffic({8080: 3, 9090: 2, 5353: 1, 7070: 2, 6666: 1}, {8080: 2, 53: 1})
TO_VISITOR = Traffic({8080: 2, 9090: 1}, {})
_PUSH_INTERVAL = 2000  # milliseconds
_LOOKS_AT_FILES = 5  # in each round, 10 ms apart
_ROUNDS_PER_LOG = 20  # after which what the collector printed is forgotten


def soak(minutes: float, scale: Scale, progress: Callable[[str], None]) -> list[Row]:
    """Run that long; the rows of the table."""
    with ExitStack() as parts:
        node = parts.enter_context(LiveNode.of_era(ERA, "legacy"))
        collector = parts.enter_context(OtlpCollector(node.namespace)).start()
        population, books = Population(scale), Books(SENT, TO_VISITOR)
        _install(node, population, {})
        service = node.service(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_endpoint,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_METRIC_EXPORT_INTERVAL": str(_PUSH_INTERVAL),
            }
        ).start()
        prometheus = parts.enter_context(Prometheus(service.address, node.namespace)).start()
        _wait_for_peers(prometheus, collector)
        course = list(_rounds(_Soaked(node, service, collector, population), minutes * 60, progress))
        rows = [_size(course, population), *_flat(course)]
        return rows + list(books.rows(service, prometheus, collector, population))


@dataclass(frozen=True, slots=True)
class _Soaked:
    """What takes part in every round."""

    node: LiveNode
    service: Service
    collector: OtlpCollector
    population: Population


def _wait_for_peers(prometheus: Prometheus, collector: OtlpCollector) -> None:
    """Until each connection that stays open has come: the scraper's, the push's, the datastore's."""
    prometheus.wait_for_scrape()
    collector.wait(lambda: bool(collector.resource()), "a push")


def _rounds(soaked: _Soaked, seconds: float, progress: Callable[[str], None]) -> Iterator[Sample]:
    node, population = soaked.node, soaked.population
    began = told = time.monotonic()
    while time.monotonic() - began < seconds:
        before = population.resources()
        population.advance()
        with Pod(node.namespace, *_where(population), sink=(8080,)) as visitor:
            _install(node, population, before)
            SENT.send(node, 4)
            for port, count in TO_VISITOR.outside.items():
                node.outside.send_udp(visitor, port, count)
        if population.rounds % _ROUNDS_PER_LOG == 0:
            os.truncate(soaked.collector.directory / "log", 0)
        sample = _look(soaked.service, time.monotonic() - began)
        yield sample
        if time.monotonic() - told > 10:
            told = time.monotonic()
            progress(f"soak: {population.pods_ever:,} pods, {population.policies_ever:,} policies; {sample}")


def _install(node: LiveNode, population: Population, before: dict[str, str]) -> None:
    """Put the change into etcd and the kernel, as the CNI plugin and Felix would."""
    now = population.resources()
    for key in before.keys() - now.keys():
        node.etcd.delete(key)
    node.etcd.put_all({key: value for key, value in now.items() if before.get(key) != value})
    node.program(population.node())


def _where(population: Population) -> tuple[str, str, str]:
    return population.visitor.interface, population.visitor.ipv4, population.visitor.ipv6


def _look(service: Service, seconds: float) -> Sample:
    process = psutil.Process(service.process.pid)
    scrape = 1e3 * cpu_of(process.pid, lambda: service.get("/metrics"))
    return Sample(seconds, process.memory_info().rss / 1e6, _open_files(process), process.num_threads(), scrape)


def _open_files(process: psutil.Process) -> int:
    """Those that stay: a scan for another reader, and its connection, have some for a moment."""
    fewest = process.num_fds()
    for _ in range(_LOOKS_AT_FILES - 1):
        time.sleep(0.01)
        fewest = min(fewest, process.num_fds())
    return fewest


def _size(course: list[Sample], population: Population) -> Row:
    seen = f"{population.pods_ever:,} pods and {population.policies_ever:,} policies came and went in "
    return Row("run", f"{seen}{course[-1].seconds / 60:.1f} min, {population.rounds:,} rounds", "", holds=True)


def _flat(course: list[Sample]) -> list[Row]:
    return [
        flat("memory (RSS)", "MB", [(one.seconds, one.megabytes) for one in course], 0.05, 2.0),
        flat("open files", "", [(one.seconds, one.files) for one in course], 0.0, 1.0),
        # Workers of the HTTP server begin when they are first needed.
        flat("threads", "", [(one.seconds, one.threads) for one in course], 0.0, 3.0),
        flat("CPU of a scrape", "ms", [(one.seconds, one.scrape) for one in course], 0.15, 2.0),
    ]
