"""The collector: one scan for all who ask, nothing stale, nothing raised, nothing believed too early."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, WorkloadEndpoint
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT_DROP, POLICY_PACKETS
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from otel_calico.sources.ruleset_source import Dump, SourceError
from tests.attribution.node import WEB, ScannedNode, page
from tests.felix import Era, render
from tests.felix.example import INTERFACE, example_node
from tests.felix.kernel import Kernel, Packet
from tests.sources.memory import BARE, MemorySource


def example_kernel(era: Era = Era.E) -> Kernel:
    return Kernel(render(example_node(era)))


def send(kernel: Kernel, *ports: int) -> None:
    for port in ports:
        kernel.send(Packet(INTERFACE, Direction.INGRESS, port))


class SlowSource(MemorySource):
    """Takes its time, and tells how many read at once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.reading = self.most_reading = 0

    def read(self) -> Sequence[Dump]:
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        time.sleep(0.05)
        self.reading -= 1
        return super().read()


def test_fifty_askers_share_one_scan() -> None:
    source = SlowSource(example_kernel().dump())
    collector = Collector(NodeScanner(source, Lookups()), freshness=30.0)

    with ThreadPoolExecutor(50) as pool:
        snapshots = list(pool.map(lambda _: collector.scan().snapshot, range(50)))

    assert (source.reads, source.most_reading) == (1, 1)
    assert {id(snapshot) for snapshot in snapshots} == {id(snapshots[0])}


def test_scans_without_a_freshness_window_still_run_one_at_a_time() -> None:
    source = SlowSource(example_kernel().dump())
    collector = Collector(NodeScanner(source, Lookups()), freshness=0.0)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: collector.scan().snapshot, range(5)))

    assert source.most_reading == 1


def test_a_snapshot_serves_for_the_freshness_window_and_no_longer() -> None:
    source = MemorySource(example_kernel().dump())
    collector = Collector(NodeScanner(source, Lookups()), freshness=0.2)

    first = collector.scan().snapshot
    assert collector.scan().snapshot is first
    time.sleep(0.21)
    assert collector.scan().snapshot is not first
    assert source.reads == 2


def test_a_failed_scan_serves_for_the_freshness_window_too() -> None:
    source = MemorySource()
    source.error = SourceError("time_limit", "too slow")
    collector = Collector(NodeScanner(source, Lookups()), freshness=30.0)

    assert collector.scan().snapshot is collector.scan().snapshot
    assert source.reads == 1


def test_a_change_of_the_lookups_is_in_the_very_next_snapshot() -> None:
    source, lookups = MemorySource(example_kernel().dump()), Lookups()
    collector = Collector(NodeScanner(source, lookups), freshness=30.0)
    assert collector.scan().snapshot.report.interfaces_without_workload == (INTERFACE,)

    lookups.put("workloadendpoints", INTERFACE, WEB)

    snapshot = collector.scan().snapshot
    assert snapshot.report.interfaces_without_workload == ()
    assert [line for line in page(snapshot, NO_POLICY_DROP) if 'pod="web-0"' in line]
    lookups.remove("workloadendpoints", INTERFACE)
    assert page(collector.scan().snapshot, NO_POLICY_DROP) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SourceError("missing_binary", "install iptables"), "missing_binary"),
        (SourceError("time_limit", "too slow"), "time_limit"),
        (OSError(24, "Too many open files"), None),
        (RuntimeError("a bug"), None),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), None),
    ],
)
def test_a_source_that_raises_makes_a_snapshot_that_says_so_and_the_next_good_scan_recovers(
    error: Exception, kind: str | None
) -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    node.start()
    send(kernel, 8080)
    before = page(node.scan(kernel.dump()))

    node.source.error = error
    failed = node.scan()

    assert failed.failure
    assert failed.failure.kind == (kind or failed.failure.kind)
    assert str(error) in failed.failure.message
    assert (failed.readings, failed.report.backend) == ((), "nft")
    node.source.error = None
    assert page(node.scan()) == before


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("garbage", "empty"),
        (BARE, "no_calico_chains"),
        (BARE.replace("COMMIT\n", ""), "truncated"),
        (None, "truncated"),
        (example_kernel().dump().replace("[0:0] -A", "-A"), "no_counters"),
    ],
)
def test_a_dump_that_is_no_ruleset_of_calico_fails_with_its_kind(text: str | None, kind: str) -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    send(kernel, 8080, 9090)
    node.start()
    before = page(node.scan(kernel.dump()))

    failed = node.scan(kernel.dump()[:-20] if text is None else text)

    assert failed.failure
    assert (failed.failure.kind, failed.readings) == (kind, ())
    assert failed.failure.message
    if kind != "no_calico_chains":
        assert page(node.scan(kernel.dump())) == before


def test_scans_below_the_minimum_counter_are_left_out() -> None:
    node = ScannedNode(WEB, settings=ScanSettings(minimum_counter=3))
    kernel = example_kernel()
    node.start()
    send(kernel, 8080, 8080)
    left_out = node.scan(kernel.dump())
    assert (left_out.readings, left_out.failure, left_out.report.below_minimum) == ((), None, True)

    send(kernel, 8080)
    shown = node.scan(kernel.dump())
    assert (bool(shown.readings), shown.report.below_minimum) == (True, False)


def test_a_minimum_counter_leaves_no_scan_out_that_shows_no_kernels_value() -> None:
    of_node = ScanSettings(SeriesChoice(("policy",)), minimum_counter=3)
    snapshot = ScannedNode(WEB, settings=of_node).scan(example_kernel().dump())
    assert (bool(snapshot.readings), snapshot.report.below_minimum) == (True, False)


def test_by_default_no_scan_is_left_out() -> None:
    node = ScannedNode(WEB)
    snapshot = node.scan(example_kernel().dump())
    assert (bool(snapshot.readings), snapshot.report.below_minimum) == (True, False)


def test_readings_are_never_shared_between_threads_half_made() -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    node.scan(kernel.dump())
    stop = threading.Event()
    seen: list[Readings] = []

    def scrape() -> None:
        while not stop.is_set():
            seen.extend(node.scan().readings[:1])

    threads = [threading.Thread(target=scrape) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        node.lookups.put("workloadendpoints", "cali9", WorkloadEndpoint("cali9", "x", str(len(seen))))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen


def test_the_history_of_another_backend_is_not_traffic() -> None:
    node, legacy, nft = ScannedNode(WEB), example_kernel(), example_kernel()
    node.source.backend = "legacy"
    node.start()
    send(legacy, 8080, 9090)
    node.scan(legacy.dump())
    for _ in range(1000):
        send(nft, 8080, 9090)

    node.source.backend = "nft"
    after_switch = node.scan(nft.dump())
    send(nft, 8080, 9090, 9090)
    later = node.scan(nft.dump())

    assert since_start(after_switch) == {"allow": 0, "deny": 0, "policy_accept_drop_counter": 0}
    assert since_start(later) == {"allow": 1, "deny": 2, "policy_accept_drop_counter": 2}
    assert max(number for readings in later.readings for number in readings.first) == 1000


def since_start(snapshot: Snapshot) -> dict[str, int]:
    """Packets by verdict of family `policy`, and the denies of the workloads."""
    return {
        labels.get("calico.verdict", readings.series.metric.name): value
        for readings in snapshot.readings
        if readings.series.metric in (POLICY_PACKETS, POLICY_ACCEPT_DROP)
        for labels, value in zip(readings.series.labels, readings.values, strict=True)
    }
