"""What a former table in force drops is the node's, from the moment at which it is no longer the current one."""

from __future__ import annotations

from collections.abc import Mapping

from structlog.testing import capture_logs

from otel_calico.calico.model import IPVersion
from otel_calico.metrics import NODE_DROPPED
from otel_calico.snapshot import Snapshot
from otel_calico.sources.ruleset_source import Dump
from tests.attribution.node import WEB, ScannedNode
from tests.felix.kernel import SIZE
from tests.scanning.test_collector import example_kernel, send
from tests.sources.memory import BARE

DENIED, ALLOWED, UNMATCHED = 9090, 8080, 4444


def former_drops(snapshot: Snapshot) -> Mapping[str, Mapping[str, int]]:
    """By metric, then by direction and IP version."""
    return {
        metric.name: {
            f"{labels.get('calico.direction', '')} {labels.get('network.type', 'ipv4')}".strip(): value
            for readings in snapshot.readings
            if readings.series.metric is metric
            for labels, value in zip(readings.series.labels, readings.values, strict=True)
            if labels["reason"] == "former_backend"
        }
        for metric in NODE_DROPPED
    }


def packets(snapshot: Snapshot) -> Mapping[str, int]:
    return former_drops(snapshot)[NODE_DROPPED[0].name]


class Moved:
    """A node whose Felix wrote to `legacy` first, and then to `nft`."""

    def __init__(self) -> None:
        self.node, self.legacy, self.nft = ScannedNode(WEB), example_kernel(), example_kernel()
        self.node.source.backend = "legacy"

    def before(self) -> Snapshot:
        return self.node.scan(self.legacy.dump())

    def after(self, text: str | None = None) -> Snapshot:
        self.node.source.backend = "nft"
        self.node.source.former = {"legacy": [Dump(IPVersion.V4, self.legacy.dump() if text is None else text)]}
        return self.node.scan(self.nft.dump())


def test_no_table_is_a_former_one_on_an_ordinary_node() -> None:
    moved = Moved()
    moved.node.start()
    send(moved.legacy, DENIED)
    assert packets(moved.before()) == {}


def test_what_it_dropped_while_it_was_current_is_told_elsewhere() -> None:
    moved = Moved()
    moved.node.start()
    send(moved.legacy, *[DENIED] * 7)
    moved.before()
    send(moved.legacy, DENIED, DENIED, ALLOWED, UNMATCHED)
    assert packets(moved.after()) == {"ingress ipv4": 3, "egress ipv4": 0}
    send(moved.legacy, DENIED)
    assert former_drops(moved.after()) == {
        NODE_DROPPED[0].name: {"ingress ipv4": 4, "egress ipv4": 0},
        NODE_DROPPED[1].name: {"ingress ipv4": 4 * SIZE, "egress ipv4": 0},
    }


def test_a_former_table_that_is_found_at_the_start_counts_from_then() -> None:
    moved = Moved()
    send(moved.legacy, *[DENIED] * 7)
    assert packets(moved.after())["ingress ipv4"] == 0
    send(moved.legacy, DENIED, UNMATCHED)
    assert packets(moved.after())["ingress ipv4"] == 2


def test_a_moment_without_counters_adds_nothing_and_a_reset_counts_from_zero() -> None:
    moved = Moved()
    moved.after()
    send(moved.legacy, *[DENIED] * 7)
    assert packets(moved.after())["ingress ipv4"] == 7
    zero = moved.legacy.ruleset.dump()
    assert packets(moved.after(zero))["ingress ipv4"] == 7
    send(moved.legacy, DENIED)
    assert packets(moved.after())["ingress ipv4"] == 8

    moved.legacy.packets.clear()
    assert packets(moved.after())["ingress ipv4"] == 8
    send(moved.legacy, DENIED)
    assert packets(moved.after())["ingress ipv4"] == 9


def test_a_table_that_cannot_be_parsed_now_fails_no_scan() -> None:
    moved = Moved()
    moved.after()
    send(moved.legacy, DENIED)
    moved.after()
    with capture_logs() as logs:
        snapshot = moved.after("*filter\n")
    assert snapshot.failure is None
    assert packets(snapshot)["ingress ipv4"] == 1
    assert [log["event"] for log in logs] == ["former_table_unreadable"]


def test_it_ends_with_the_table() -> None:
    moved = Moved()
    moved.after()
    moved.node.source.former = {}
    assert packets(moved.node.scan(moved.nft.dump())) == {}
    assert packets(moved.after(BARE)) == {}
