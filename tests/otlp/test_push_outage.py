"""A collector that is down, hangs or comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from otel_calico.prometheus.text_format import TextFormat
from otel_calico.service.exporters import Exporters
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Protocol
from tests.otlp.pushing import pushing
from tests.otlp.receiver import GrpcReceiver
from tests.telemetry.snapshots import Node, example


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def settings(
    url: str, protocol: Protocol = Protocol.GRPC, push_interval: float = 3_600, otlp_timeout: float = 10
) -> ExportSettings:
    return ExportSettings(
        "node-1",
        frozenset({Exporter.OTLP, Exporter.PROMETHEUS}),
        otlp_endpoint=url,
        otlp_protocol=protocol,
        otlp_timeout=otlp_timeout,
        push_interval=push_interval,
        listen_address="127.0.0.1",
        listen_port=0,
    )


@pytest.mark.slow
def test_an_outage_is_one_event_when_it_begins_and_one_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    receiver = GrpcReceiver().listen(0)
    with capture_logs() as events, pushing(Node(example()), receiver.url) as push:
        push.push()
        receiver.close()
        for _ in range(3):
            push.push()
        receiver.listen(receiver.port)
        deadline = time.monotonic() + 10
        while len(receiver.requests) < 4 and time.monotonic() < deadline:
            push.push()
    receiver.close()
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("export_failing", "warning"),
        ("export_recovered", "info"),
    ]
    assert events[0]["target"] == f"127.0.0.1:{receiver.port}"
    assert "UNAVAILABLE" in events[0]["error"]
    assert caplog.records == []


def test_stopping_pushes_what_there_is_a_last_time() -> None:
    with GrpcReceiver() as receiver:
        telemetry = Exporters(settings(receiver.url), Node(example()).collector)
        telemetry.start()
        assert receiver.requests == []
        telemetry.stop()
        assert [point.value for point in receiver.points("calico.policy.packets")] == [58]
        assert "otel_calico.scan.success" in str(receiver.requests)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", Protocol)
def test_stopping_does_not_hang_on_a_collector_that_never_answers(protocol: Protocol, silent_port: int) -> None:
    telemetry = Exporters(
        settings(f"http://127.0.0.1:{silent_port}", protocol, otlp_timeout=7), Node(example()).collector
    )
    telemetry.start()
    begun = time.monotonic()
    telemetry.stop()
    assert time.monotonic() - begun < 6


@pytest.mark.slow
def test_a_hanging_collector_does_not_hold_up_a_scrape(silent_port: int) -> None:
    hanging = settings(f"http://127.0.0.1:{silent_port}", push_interval=0.05, otlp_timeout=1)
    telemetry = Exporters(hanging, Node(example()).collector)
    telemetry.start()
    try:
        time.sleep(0.3)
        assert telemetry.page is not None
        begun = time.monotonic()
        assert b"no_policy_drop_counter" in telemetry.page.render(TextFormat.PROMETHEUS)
        assert time.monotonic() - begun < 0.5
    finally:
        telemetry.stop()
