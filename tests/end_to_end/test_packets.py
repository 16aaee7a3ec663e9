"""Every packet sent is counted once, under the policy that decided about it, by all who get the numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.end_to_end.cluster import CLIENT, WEB
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, BoundTraffic, Traffic, expected, filled
from tests.felix import Era
from tests.node.otlp_collector import OtlpCollector
from tests.node.programs import free_port
from tests.node.prometheus import Prometheus
from tests.node.service import Labels, Metrics, Service

pytestmark = pytest.mark.node

EARLIER = {
    4: Traffic({8080: 2, 9090: 1, 5353: 3, 7070: 2, 6666: 1}, {8080: 1, 53: 2}),
    6: Traffic({8080: 1, 9090: 2, 5353: 1, 7070: 1, 6666: 3}, {8080: 2, 53: 1}),
}
LATER = {
    4: Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9}),
    6: Traffic({8080: 5, 9090: 4, 5353: 6, 7070: 3, 6666: 7}, {8080: 2, 53: 8}),
}
EVER = {ip_version: EARLIER[ip_version] + LATER[ip_version] for ip_version in LATER}
NONE = {ip_version: packets.times(0) for ip_version, packets in LATER.items()}
OTLP_NAMES = {
    "calico.policy.packets": "calico_policy_packets_total",
    "calico.policy.bytes": "calico_policy_bytes_total",
}


@dataclass(frozen=True)
class Watched:
    """A node with a Prometheus that scrapes a port of it."""

    node: LiveNode
    prometheus: Prometheus
    port: int


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Shared by the eras: Prometheus takes 5 seconds to its first scrape."""
    port = free_port()
    with LiveNode(request.param) as node, Prometheus(f"127.0.0.1:{port}", node.namespace) as prometheus:
        prometheus.start()
        for workload in (WEB, CLIENT):
            node.run(workload)
        yield Watched(node, prometheus, port)


def send(node: LiveNode, traffic: BoundTraffic) -> None:
    for ip_version, packets in traffic.items():
        packets.send(node, ip_version)


def policy_series(metrics: Metrics) -> Metrics:
    return {name: metrics.get(name, {}) for name in POLICY_METRICS}


def as_at_metrics(pushed: Metrics) -> Metrics:
    """Policy series that arrived over OTLP, under their names at `/metrics`."""
    renamed = {
        OTLP_NAMES.get(name, name): {
            frozenset((key.replace(".", "_"), value) for key, value in attributes): count
            for attributes, count in series.items()
        }
        for name, series in pushed.items()
    }
    return policy_series(renamed)


def grown(prometheus: Prometheus, metric: str, since: float) -> dict[Labels, float]:
    """By how much Prometheus saw each series of a metric grow since a time; `increase` would extrapolate."""
    assert set(prometheus.query(f"resets({metric}[{time.time() - since:.0f}s])").values()) <= {0}
    return prometheus.query(f"sum without (instance, job) ({metric} - ({metric} @ {since:.3f}))")


def scrape_time(prometheus: Prometheus) -> float:
    """Unix time of the last good scrape; 0 if there was none."""
    return max(prometheus.query("timestamp(up) * up").values(), default=0)


def wait_for_scrape(prometheus: Prometheus) -> float:
    """Wait for a scrape that began after this call; returns its Unix time."""
    called = time.time()
    prometheus.wait(lambda: scrape_time(prometheus) > called, "a scrape")
    return scrape_time(prometheus)


def assert_healthy(service: Service) -> None:
    """The service knows every interface and chain, and complained of nothing."""
    metrics = service.scrape()
    for name in ("interfaces_without_workload", "chains_without_name", "ruleset_malformed_lines"):
        assert metrics[f"otel_calico_{name}"] == {frozenset(): 0}
    assert not [line for line in service.log.splitlines() if '"level": "info"' not in line]


@pytest.mark.parametrize(
    ("watched", "era"),
    [
        pytest.param(backend, era, id=f"{backend}-{era.name}")
        for backend in DATAPLANES
        for era in (Era.A2, Era.C, Era.D, Era.E)
        if backend != "nftables" or era in {Era.C, Era.D}  # the first with the native dataplane; E in test_dataplanes
    ],
    indirect=["watched"],
)
def test_each_packet_is_counted_once_at_metrics_in_prometheus_and_over_otlp(watched: Watched, era: Era) -> None:
    node, prometheus = watched.node, watched.prometheus
    node.install(era)
    send(node, EARLIER)
    before, after = expected(era, EARLIER, NONE), expected(era, EVER, LATER)
    grpc = era in {Era.A2, Era.D}
    with OtlpCollector(node.namespace) as collector:
        collector.start()
        otlp = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_endpoint if grpc else collector.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if grpc else "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }
        with node.service({"METRICS_SERVER_PORT": str(watched.port), **otlp}) as service:
            service.start()
            assert policy_series(service.scrape()) == before
            earlier = wait_for_scrape(prometheus)
            send(node, LATER)
            assert policy_series(service.scrape()) == after
            collector.wait(lambda: as_at_metrics(collector.metrics()) == after, "all packets over OTLP")
            wait_for_scrape(prometheus)
            for name in POLICY_METRICS:
                added = {key: value - before[name][key] for key, value in after[name].items()}
                assert grown(prometheus, name, earlier) == filled(added)
            assert_healthy(service)
