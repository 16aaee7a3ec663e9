"""What a collector gets with delta temporality: each packet once, whatever happens in between."""

from __future__ import annotations

import pytest

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT
from otel_calico.otlp.policy_exporter import POINTS_PER_REQUEST
from otel_calico.otlp.streams import Delta
from otel_calico.series import Readings
from otel_calico.snapshot import ScanFailure, ScanReport, Snapshot
from otel_calico.telemetry.export_settings import Temporality
from tests.otlp.pushing import pushing
from tests.otlp.receiver import GrpcReceiver
from tests.telemetry.snapshots import ALLOW_WEB, FIRST_SCAN, WEB, Node, pods, series, snapshot

LATER = FIRST_SCAN + 1_000_000_000


def test_the_first_delta_holds_no_history_and_each_next_one_what_came_since() -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (1_000,), first=(1_000,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        for value in (1_007, 1_007, 1_020):
            node.show(Readings(drops, (value,), first=(1_000,)))
            push.push()
        points = receiver.points("no_policy_drop_counter")
    assert [point.value for point in points] == [0, 7, 0, 13]
    assert all(point.delta for point in points)
    assert [point.start for point in points] == [FIRST_SCAN, *(point.time for point in points[:-1])]


def test_a_series_that_appears_later_counts_in_full() -> None:
    node = Node(snapshot())
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        node.show(Readings(series(POLICY_ACCEPT, ALLOW_WEB, since=LATER), (9,)))
        push.push()
        assert [(p.value, p.start) for p in receiver.points("policy_accept_counter")] == [(9, LATER)]


def test_a_counter_reset_is_never_a_negative_delta_and_loses_nothing() -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (100,), first=(100,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        for value, lost in ((150, 0), (10, 150), (12, 150)):
            node.show(Readings(drops, (value,), (lost,), (100,)))
            push.push()
        assert [point.value for point in receiver.points("no_policy_drop_counter")] == [0, 50, 10, 2]


def test_a_pod_that_takes_an_old_name_is_a_stream_of_its_own() -> None:
    node = Node(snapshot(Readings(series(NO_POLICY_DROP, WEB), (500,), first=(0,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        node.show(Readings(series(NO_POLICY_DROP, WEB, since=LATER), (30,)))
        push.push()
        points = receiver.points("no_policy_drop_counter")
    assert [(point.value, point.start) for point in points] == [(500, FIRST_SCAN), (30, LATER)]


def test_an_outage_loses_nothing_and_the_next_delta_covers_it() -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (0,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        receiver.refusing = True
        for value in (5, 8, 12):
            node.show(Readings(drops, (value,)))
            push.push()
        receiver.refusing = False
        node.show(Readings(drops, (20,)))
        push.push()
        points = receiver.points("no_policy_drop_counter")
        assert (push.tally.successes, push.tally.failures) == (4, 3), "policy series and own metrics, twice"
    assert [point.value for point in points] == [0, 20]
    assert points[1].start == points[0].time


def test_of_several_requests_those_that_arrived_are_not_sent_again() -> None:
    class RefusesTheSecond(GrpcReceiver):
        def take(self, request: object) -> bool:
            self.refusing = len(self.requests) == 1
            return super().take(request)  # type: ignore[arg-type]

    node = Node(snapshot(*pods(3_000, values=[1] * 3_000)))
    with RefusesTheSecond() as receiver:
        with pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
            push.push()
            assert len(receiver.points("no_policy_drop_counter")) == POINTS_PER_REQUEST
            receiver.requests.append(receiver.requests[0].__class__())  # the second has been refused once
            push.push()
        assert sum(point.value for point in receiver.points("no_policy_drop_counter")) == 3_000


def test_churn_neither_loses_nor_doubles_a_packet() -> None:
    node, live = Node(snapshot()), 200
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        stays = pods(50, offset=10**6, values=[0] * 50)
        for number in range(20):
            counted = [Readings(one.series, (number * 3,)) for one in stays]
            node.show(*counted, *pods(live, offset=live * number, values=[4] * live))
            push.push()
            assert isinstance(push.streams, Delta)
            assert len(push.streams) == live + 50 + 1
        total = sum(point.value for point in receiver.points("no_policy_drop_counter"))
    assert total == 50 * 19 * 3 + 20 * live * 4


@pytest.mark.parametrize(
    "empty",
    [Snapshot(0.0, failure=ScanFailure("exit_status", "no")), Snapshot(0.0, report=ScanReport(below_minimum=True))],
)
def test_a_scan_without_series_in_between_repeats_nothing(empty: Snapshot) -> None:
    drops = series(NO_POLICY_DROP, WEB)
    node = Node(snapshot(Readings(drops, (5,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        push.push()
        node.shown = empty
        push.push()
        node.show(Readings(drops, (7,)))
        push.push()
        assert [point.value for point in receiver.points("no_policy_drop_counter")] == [5, 2]


def test_a_series_that_moves_to_another_set_goes_on() -> None:
    node = Node(snapshot(Readings(series(NO_POLICY_DROP, WEB), (100,), first=(100,))))
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        for value in (105, 107):
            node.show(Readings(series(NO_POLICY_DROP, {**WEB, "type": "fw"}, WEB), (0, value), first=(0, 100)))
            push.push()
        sent = {point.value for point in receiver.points("no_policy_drop_counter")}
    assert sent == {0, 5, 2}
