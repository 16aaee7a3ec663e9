"""Delta streams of series that the limit leaves out for a while: each packet arrives once."""

from __future__ import annotations

from otel_calico.accounting.cardinality import CardinalityChoice
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, IPVersion, WorkloadEndpoint
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.telemetry.export_settings import Temporality
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.felix.kernel import Kernel, Packet
from tests.otlp.pushing import pushing
from tests.otlp.receiver import GrpcReceiver
from tests.sources.memory import MemorySource
from tests.telemetry.snapshots import Node

PODS = ("cali0", "cali1", "cali2")
UNMATCHED = 5353


class ScannedNode(Node):
    """Pods with a small kernel, of whose drop series only so many are shown."""

    def __init__(self, limit: int, *interfaces: str) -> None:
        self.kernel = Kernel(render(example_node(Era.E, *interfaces)), "legacy")
        self._source = MemorySource()
        lookups = Lookups()
        for interface in PODS:
            lookups.put("endpoints", interface, WorkloadEndpoint(interface, "shop", f"web-{interface}", ("10.0.0.1",)))
        settings = ScanSettings(SeriesChoice(("accountant",)), 0, CardinalityChoice(limit=limit))
        self._scanner = NodeScanner(self._source, lookups, settings)
        super().__init__(self._scanner.scan().snapshot)
        self.follow()

    def run(self, *interfaces: str) -> None:
        """Let these pods be there."""
        self.kernel.write(render(example_node(Era.E, *interfaces), IPVersion.V4))
        self.follow()

    def send(self, interface: str, packets: int) -> None:
        """Let packets through that no policy matches."""
        self.kernel.send(Packet(interface, Direction.INGRESS, UNMATCHED), packets)
        self.follow()

    def follow(self) -> None:
        """Show what a scan finds."""
        self._source.dumps[IPVersion.V4] = self.kernel.dump()
        self.shown = self._scanner.scan().snapshot


def test_a_series_left_out_for_a_while_brings_what_came_meanwhile_and_nothing_twice() -> None:
    node = ScannedNode(2, "cali1", "cali2")
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        node.send("cali2", 5)
        push.push()
        node.run(*PODS)  # the third comes, and what sorts last is left out
        push.push()
        push.push()
        node.send("cali2", 3)
        push.push()
        node.run("cali1", "cali2")
        push.push()
        push.push()
        came = [
            point.value
            for point in receiver.points("no_policy_drop_counter")
            if dict(point.attributes)["pod"] == "web-cali2"
        ]
    assert came == [5, 3, 0]


def test_of_a_series_that_is_gone_while_it_is_left_out_nothing_is_kept() -> None:
    node = ScannedNode(2, "cali1", "cali2")
    with GrpcReceiver() as receiver, pushing(node, receiver.url, temporality=Temporality.DELTA) as push:
        node.send("cali2", 5)
        push.push()
        node.run(*PODS)
        push.push()
        node.run("cali0", "cali1")  # the pod ends
        push.push()
        node.run("cali1", "cali2")  # another one has its name
        node.send("cali2", 4)
        push.push()
        came = sum(
            point.value
            for point in receiver.points("no_policy_drop_counter")
            if dict(point.attributes)["pod"] == "web-cali2"
        )
    assert came == 5 + 4
