"""Small snapshots to show."""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_GROUP_INFO, POLICY_PACKETS, Metric
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.scan import Scan
from otel_calico.series import Labels, Readings, SeriesSet
from otel_calico.snapshot import ScanReport, Snapshot

FIRST_SCAN = 1_700_000_000_000_000_000

WEB = {"pod": "web-0", "pod_namespace": "shop", "app": "web", "ip": "10.0.0.1", "type": "tw"}
ALLOW_WEB = {**WEB, "policy": "shop/default.allow-web"}
NODE_WIDE = {
    "calico.policy.name": "shop/default.allow-web",
    "calico.policy.kind": "NetworkPolicy",
    "calico.policy.namespace": "shop",
    "calico.tier": "default",
    "calico.direction": "ingress",
    "calico.verdict": "allow",
}
GROUP = {"calico.policy.group": "cali-gi-x", "calico.policy.name": "a", "calico.policy.order": "0"}


def series(metric: Metric, *labels: Labels, since: int = FIRST_SCAN) -> SeriesSet:
    """Label sets of one metric."""
    return SeriesSet(metric, labels, (since,) * len(labels))


def snapshot(*readings: Readings, taken: float = FIRST_SCAN / 1e9) -> Snapshot:
    """A good scan of a node."""
    report = ScanReport(
        backend="nft",
        seconds={"read": 0.02, "parse": 0.3},
        rules={"ipv4": 120, "ipv6": 80},
        bytes={"ipv4": 9_000, "ipv6": 7_000},
    )
    return Snapshot(taken, readings, report=report)


def example() -> Snapshot:
    """One of each kind of metric: kernel's value, since the start, gauge."""
    return snapshot(
        Readings(series(NO_POLICY_DROP, WEB, {**WEB, "type": "fw"}), (7, 0)),
        Readings(series(POLICY_ACCEPT, ALLOW_WEB), (42,)),
        Readings(series(POLICY_PACKETS, NODE_WIDE), (50,), lost=(8,), first=(2,)),
        Readings(series(POLICY_GROUP_INFO, GROUP), (1,)),
        Readings(series(NO_POLICY_DROP, {**WEB, "tier": "security"}), (3,)),
    )


class Node:
    """A scanner that finds what it is told to, and a collector over it."""

    lookups_version = 0

    def __init__(self, shown: Snapshot) -> None:
        self.shown = shown
        self.taken = 0
        self.collector = Collector(self, freshness=0.0)

    def scan(self) -> Scan:
        """The present scan."""
        self.taken += 1
        return Scan(self.shown)

    def close(self) -> None:
        """Nothing is under way."""

    def show(self, *readings: Readings) -> None:
        """Show another scan."""
        self.shown = snapshot(*readings)


def pods(count: int, offset: int = 0, values: Sequence[int] | None = None) -> list[Readings]:
    """One drop series per pod, each in a set of its own."""
    made = []
    for number in range(count):
        labels = {**WEB, "pod": f"web-{number + offset}"}
        value = values[number] if values else number
        made.append(Readings(series(NO_POLICY_DROP, labels), (value,)))
    return made
