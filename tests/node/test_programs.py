"""The real programs that other tests rely on start, answer and end."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.node.etcd import PUTS, Etcd, TLSFiles
from tests.node.namespace import Namespace
from tests.node.otlp_collector import OtlpCollector
from tests.node.programs import MissingProgramError, find_program
from tests.node.prometheus import Prometheus
from tests.node.service import parse_metrics

pytestmark = pytest.mark.node

PAGE = b'# TYPE policy_accept_counter counter\npolicy_accept_counter{pod="web-0",ip="10.0.0.1,fd00::1"} 7\n'


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass


@pytest.fixture
def page_address(namespace: Namespace) -> Iterator[str]:
    """Where a page of metrics is served inside the namespace."""
    with namespace.inside(lambda: http.server.HTTPServer(("127.0.0.1", 0), _Page)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_prometheus_answers_queries_about_what_it_scraped(namespace: Namespace, page_address: str) -> None:
    with Prometheus(page_address, namespace) as prometheus:
        prometheus.start().wait_for_scrape()
        assert prometheus.query("sum by (pod, ip) (policy_accept_counter)") == {
            frozenset({("pod", "web-0"), ("ip", "10.0.0.1,fd00::1")}): 7
        }
        with pytest.raises(ValueError, match="parse error"):
            prometheus.query("sum(")


def test_etcd_keeps_its_data_over_a_restart_and_refuses_compacted_revisions(etcd: Etcd) -> None:
    first = etcd.put("/calico/a", "1")
    second = etcd.put_all({f"/calico/{number}": "x" for number in range(PUTS + 1)})
    assert second == first + 2
    etcd.compact(second)
    etcd.stop()
    etcd.start()
    assert etcd.delete("/calico/a") == second + 1
    assert etcd.delete_prefix("/calico/") == second + 2
    etcd.pause()
    etcd.resume()
    assert etcd.put("/calico/b", "2") == second + 3


def test_etcd_with_tls_takes_clients_with_a_certificate_only(tmp_path: Path) -> None:
    with Etcd(TLSFiles.issue(tmp_path)) as member:
        assert member.start().endpoint.startswith("https://")
        assert member.put("/calico/a", "1") > 0


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_collector_shows_what_was_pushed(otlp_collector: OtlpCollector, protocol: str) -> None:
    def observe(_: CallbackOptions) -> list[Observation]:
        return [Observation(7, {"pod": "a=b", "note": 'x"\n): y'}), Observation(8)]

    exporter: MetricExporter = HttpExporter(endpoint=f"{otlp_collector.http_endpoint}/v1/metrics")
    if protocol == "grpc":
        exporter = GrpcExporter(endpoint=otlp_collector.grpc_endpoint, insecure=True)
    resource = Resource({"service.name": "otel-calico"})
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 60_000)], resource=resource)
    meter = provider.get_meter("test")
    meter.create_observable_counter("accepted", [observe])
    meter.create_histogram("seconds").record(3, {"step": "read"})
    provider.shutdown()
    otlp_collector.wait(lambda: "seconds" in otlp_collector.metrics(), "the push")
    assert otlp_collector.metrics() == {
        "accepted": {frozenset({("pod", "a=b"), ("note", 'x"\n): y')}): 7, frozenset(): 8},
        "seconds": {frozenset({("step", "read")}): 1},
    }
    assert otlp_collector.resource() == {"service.name": "otel-calico"}
    assert {point.temporality for point in otlp_collector.points()} == {"cumulative"}


def test_a_scraped_page_is_read_by_sample_and_labels() -> None:
    labels = frozenset({("pod", "web-0"), ("ip", "10.0.0.1,fd00::1")})
    assert parse_metrics(PAGE.decode()) == {"policy_accept_counter": {labels: 7}}


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(MissingProgramError, match="no-such-program is not installed: run `make setup`"):
        find_program("no-such-program")
