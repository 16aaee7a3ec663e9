"""What a collector gets with cumulative temporality."""

from __future__ import annotations

import gc
import weakref
from math import ceil

import pytest

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT
from otel_calico.otlp.policy_exporter import POINTS_PER_REQUEST
from otel_calico.series import Readings
from otel_calico.snapshot import ScanFailure, Snapshot
from otel_calico.telemetry.export_settings import Protocol, Temporality
from tests.node.otlp_collector import OtlpCollector
from tests.otlp.pushing import pushing
from tests.otlp.receiver import GrpcReceiver, HttpReceiver, Point
from tests.telemetry.snapshots import (
    ALLOW_WEB,
    FIRST_SCAN,
    GROUP,
    NODE_WIDE,
    WEB,
    Node,
    example,
    pods,
    series,
    snapshot,
)

SECOND = 1_000_000_000


def test_values_start_times_and_labels_arrive_over_grpc_as_the_scan_had_them() -> None:
    with GrpcReceiver() as receiver, pushing(Node(example()), receiver.url) as push:
        push.push()
        expect_example(receiver)


def test_values_start_times_and_labels_arrive_over_http_as_the_scan_had_them() -> None:
    with HttpReceiver() as receiver, pushing(Node(example()), receiver.url, protocol=Protocol.HTTP_PROTOBUF) as push:
        push.push()
        expect_example(receiver)


def expect_example(receiver: GrpcReceiver | HttpReceiver) -> None:
    drops = {point.attributes: point.value for point in receiver.points("no_policy_drop_counter")}
    assert drops == {
        tuple(sorted(WEB.items())): 7,
        tuple(sorted({**WEB, "type": "fw"}.items())): 0,
        tuple(sorted({**WEB, "tier": "security"}.items())): 3,
    }
    (packets,) = receiver.points("calico.policy.packets")
    assert packets == Point(
        "calico.policy.packets", tuple(sorted(NODE_WIDE.items())), 58, FIRST_SCAN, packets.time, delta=False
    )
    assert packets.time > FIRST_SCAN
    (group,) = receiver.points("calico.policy.group.info")
    assert (group.attributes, group.value) == (tuple(sorted(GROUP.items())), 1)
    resource = receiver.requests[0].resource_metrics[0].resource
    attributes = {each.key: each.value.string_value for each in resource.attributes}
    assert attributes["service.name"] == "otel-calico"
    assert attributes["k8s.node.name"] == "node-1"


@pytest.mark.parametrize("protocol", Protocol)
def test_a_real_collector_takes_what_is_pushed(protocol: Protocol, otlp_collector: OtlpCollector) -> None:
    url = otlp_collector.grpc_endpoint if protocol is Protocol.GRPC else f"{otlp_collector.http_endpoint}/v1/metrics"
    with pushing(Node(example()), url, protocol=protocol) as push:
        push.push()
        assert (push.tally.successes, push.tally.failures) == (2, 0), "policy series, and own metrics"
        otlp_collector.wait(lambda: "calico.policy.packets" in otlp_collector.metrics(), "packets received")
    drops = otlp_collector.metrics()["no_policy_drop_counter"]
    assert drops[frozenset(WEB.items())] == 7
    assert {point.start for point in otlp_collector.points() if point.name == "calico.policy.packets"} == {FIRST_SCAN}


def test_a_counter_reset_of_the_kernel_never_makes_a_stream_fall() -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (100,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        push.push()
        for value, lost in ((150, 0), (10, 150), (20, 150)):
            node.show(Readings(drops, (value,), (lost,)))
            push.push()
        points = receiver.points("no_policy_drop_counter")
    assert [(point.value, point.start) for point in points] == [(value, FIRST_SCAN) for value in (100, 150, 160, 170)]


def test_a_series_that_comes_later_starts_later_and_one_that_is_gone_is_not_sent() -> None:
    drops, accepts = series(NO_POLICY_DROP, WEB), series(POLICY_ACCEPT, ALLOW_WEB, since=FIRST_SCAN + SECOND)
    node = Node(snapshot(Readings(drops, (1,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        push.push()
        node.show(Readings(accepts, (5,)))
        push.push()
        assert [point.value for point in receiver.points("no_policy_drop_counter")] == [1]
        assert [(p.value, p.start) for p in receiver.points("policy_accept_counter")] == [(5, FIRST_SCAN + SECOND)]


def test_nothing_but_the_tally_of_dropped_scans_is_sent_of_a_scan_that_failed() -> None:
    node = Node(Snapshot(0.0, failure=ScanFailure("exit_status", "no")))
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        push.push()
        sent = [
            metric.name
            for request in receiver.requests
            for scope in request.resource_metrics[0].scope_metrics
            for metric in scope.metrics
            if not metric.name.startswith("otel_calico.")
        ]
        assert sent == ["calico_accountant_dropped_scrape"]


def test_many_series_go_in_requests_small_enough_for_any_collector() -> None:
    with GrpcReceiver() as receiver, pushing(Node(snapshot(*pods(4_500))), receiver.url) as push:
        push.push()
        assert push.tally.points == 4_501
        assert len(receiver.requests) == ceil(4_501 / POINTS_PER_REQUEST) + 1, "and one of own metrics"
        assert sorted(point.value for point in receiver.points("no_policy_drop_counter")) == list(range(4_500))


@pytest.mark.slow
def test_fifty_thousand_pods_that_come_and_go_overflow_nothing() -> None:
    node = Node(snapshot())
    live, rounds = 1_000, 50
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        for number in range(rounds):
            node.show(*pods(live, offset=live * number, values=[number + 1] * live))
            push.push()
        points = receiver.points("no_policy_drop_counter")
    assert len({point.attributes for point in points}) == rounds * live
    assert sum(point.value for point in points) == sum(live * (number + 1) for number in range(rounds))
    assert {point.start for point in points} == {FIRST_SCAN}


@pytest.mark.parametrize("temporality", [Temporality.CUMULATIVE, Temporality.DELTA])
def test_nothing_of_a_gone_pod_stays_in_memory(temporality: Temporality) -> None:
    class Label(str):
        __slots__ = ("__weakref__",)

    pod = Label("web-0")
    gone = weakref.ref(pod)
    node = Node(snapshot(Readings(series(NO_POLICY_DROP, {"pod": pod}), (1,))))
    del pod
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=temporality) as push:
        push.push()
        node.show(*pods(1))
        push.push()
        gc.collect()
        assert gone() is None


def test_a_counter_larger_than_otlp_can_say_keeps_nothing_else_back() -> None:
    drops = series(NO_POLICY_DROP, WEB, {**WEB, "pod": "web-1"})
    node = Node(snapshot(Readings(drops, (2**64 - 1, 5), lost=(2**64 - 1, 1))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        push.push()
        assert [point.value for point in receiver.points("no_policy_drop_counter")] == [2**63 - 1, 6]


def test_a_value_that_cannot_be_encoded_is_a_failed_export_and_the_next_works() -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (-(2**70),))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url) as push:
        push.push()
        assert (push.tally.successes, push.tally.failures) == (0, 1)
        node.show(Readings(drops, (5,)))
        push.push()
        assert [point.value for point in receiver.points("no_policy_drop_counter")] == [5]
