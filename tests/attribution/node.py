"""A node as the service sees it: a scanner over dumps in memory, and what its snapshots say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, Policy, WorkloadEndpoint
from otel_calico.metrics import Metric
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.snapshot import Snapshot
from tests.felix.example import INTERFACE
from tests.sources.memory import BARE, MemorySource

WEB = WorkloadEndpoint(INTERFACE, "default", "web-0", ("10.0.0.5",), {"app": "web"})
WEB_LABELS = 'app="web",ip="10.0.0.5",pod="web-0",pod_namespace="default"'


class ScannedNode:
    """Scans dumps one after another and checks that no snapshot has a series twice."""

    def __init__(self, *endpoints: WorkloadEndpoint, settings: ScanSettings | None = None) -> None:
        self.source = MemorySource()
        self.lookups = Lookups()
        for endpoint in endpoints:
            self.lookups.put("workloadendpoints", endpoint.interface, endpoint)
        self.scanner = NodeScanner(self.source, self.lookups, settings)

    def start(self) -> None:
        """A first scan before Felix wrote anything, so that all that follows counts in full."""
        self.scan(BARE)

    def scan(self, text: str | None = None, ipv6: str | None = None) -> Snapshot:
        """A snapshot of these dumps, or of the ones before."""
        if text is not None:
            self.source.dumps[IPVersion.V4] = text
        if ipv6 is not None:
            self.source.dumps[IPVersion.V6] = ipv6
        snapshot = self.scanner.scan().snapshot
        check(snapshot)
        return snapshot

    def put(self, *policies: Policy) -> None:
        """Let the datastore know policies."""
        for policy in policies:
            self.lookups.put("policies", f"{policy.kind}/{policy.namespace}/{policy.stored_name}", policy)


def check(snapshot: Snapshot) -> None:
    """What holds for every snapshot: columns as long as the label sets, no series twice, nothing negative."""
    seen: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    for readings in snapshot.readings:
        labels = readings.series.labels
        assert len(readings.values) == len(readings.series.since) == len(labels)
        for column in (readings.lost, readings.first):
            assert len(column) in {0, len(labels)}
        assert min([*readings.values, *readings.lost, *readings.first], default=0) >= 0
        seen.update((readings.series.metric.name, frozenset(own.items())) for own in labels)
    assert [series for series, times in seen.items() if times > 1] == []


def page(snapshot: Snapshot, *metrics: Metric) -> list[str]:
    """Every series of the snapshot (of these metrics, if any are named) as a sorted line."""
    return sorted(
        f"{readings.series.metric.name}{{{text(labels)}}} {value}"
        for readings in snapshot.readings
        if not metrics or readings.series.metric in metrics
        for labels, value in zip(readings.series.labels, readings.values, strict=True)
    )


def text(labels: Mapping[str, str]) -> str:
    """Labels as on a metrics page, sorted by key."""
    return ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))


def dump(lines: str | Sequence[str]) -> str:
    """A whole filter table around rule lines."""
    rules = lines.strip().split("\n") if isinstance(lines, str) else lines
    chains = dict.fromkeys(line.split(" -A ")[1].split(" ")[0] for line in rules if " -A " in line)
    head = BARE.removesuffix("COMMIT\n") + "".join(f":{chain} - [0:0]\n" for chain in chains if "cali-" in chain)
    return head + "\n".join(rules) + "\nCOMMIT\n"
