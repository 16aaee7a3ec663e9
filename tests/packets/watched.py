"""A node under watch: packets go through its rules and to the model; what the service publishes is held against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Protocol

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import WorkloadEndpoint
from otel_calico.metrics import WORKLOAD_POLICY
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import ScannedNode
from tests.felix import Node, Ruleset, render
from tests.felix.kernel import SIZE, Kernel, Packet
from tests.packets.histories import INTERFACES, Batch, History
from tests.packets.model import Decision, Truth, Way

_PODS = tuple(WorkloadEndpoint(interface, "shop", f"pod-{interface}") for interface in INTERFACES)

Values = Mapping[Decision, int]
"""Packets of the series of `calico.workload.policy.packets`."""


class Rules(Protocol):
    """A kernel, small or real, with the rules of one IP version."""

    def write(self, ruleset: Ruleset) -> None:
        """Change the rules as Felix does."""

    def send(self, packet: Packet, times: int) -> None:
        """Let equal packets through."""

    def dump(self) -> str:
        """What `iptables-save -c` prints."""


def small_kernel(history: History) -> Kernel:
    """A kernel of the tests' own with the first rules of the history."""
    return Kernel(render(history.nodes[0]), history.backend)


class WatchedNode:
    """The service over a kernel, from before Felix wrote anything."""

    def __init__(self, kernel: Rules, node: Node, families: Collection[str] = ("workload",)) -> None:
        self.service = ScannedNode(*_PODS, settings=ScanSettings(SeriesChoice(families)))
        self.service.start()
        self.kernel = kernel
        self.node = node
        self.truth = Truth()

    def write(self, node: Node) -> None:
        """Let Felix change the rules."""
        self.kernel.write(render(node))
        self.node = node

    def send(self, batch: Batch) -> None:
        """Let packets through; those of pods that are gone are lost on the way."""
        present = {endpoint.interface for endpoint in self.node.endpoints}
        for packet, times in batch:
            if packet.interface in present:
                self.kernel.send(packet, times)
                self.truth.send(self.node, packet, times)

    def scan(self) -> Snapshot:
        """What is published now."""
        return self.service.scan(self.kernel.dump())

    def look(self) -> Values:
        """The packets that policies decided, as published now. Every packet has one size: bytes tell the same."""
        return _decided(self.scan())


def _decided(snapshot: Snapshot) -> Values:
    found: dict[str, Counter[Decision]] = {metric.name: Counter() for metric in WORKLOAD_POLICY}
    for readings in snapshot.readings:
        if readings.series.metric in WORKLOAD_POLICY:
            for labels, value in zip(readings.series.labels, readings.values, strict=True):
                way = Way(labels["k8s.pod.name"], labels["calico.direction"])
                decision = Decision(way, labels["calico.tier"], labels["calico.policy.name"], labels["calico.verdict"])
                found[readings.series.metric.name][decision] = value
    packets, octets = (found[metric.name] for metric in WORKLOAD_POLICY)
    assert octets == {decision: SIZE * value for decision, value in packets.items()}
    return packets
