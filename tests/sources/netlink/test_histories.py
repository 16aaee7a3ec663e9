"""Random nodes, written one after another while packets pass: both ways of reading show the same page at every step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from otel_calico.calico.model import Direction
from tests.felix import Era, Node
from tests.felix.kernel import Packet
from tests.felix.nftables import NftTable, render_nftables, update_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, load_table
from tests.node.pod import Pod
from tests.packets.histories import INTERFACES, Batch, History, batches, histories
from tests.recordings.replay import NODE_NAME
from tests.sources.netlink.both_ways import Pages

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.filterwarnings("ignore:Generating overly large repr")]

_ENDPOINT = """\
kind: WorkloadEndpoint
apiVersion: projectcalico.org/v3
metadata: {{name: {node}-k8s-{pod}-eth0, namespace: shop}}
spec: {{orchestrator: k8s, node: {node}, pod: {pod}, endpoint: eth0, interfaceName: {pod}, ipNetworks: [10.65.0.9/32]}}
"""
RESOURCES = "---\n".join(_ENDPOINT.format(node=NODE_NAME, pod=name) for name in INTERFACES)


class NativeNode:
    """A namespace with three pods and a host outside, whose rules are those of native nftables."""

    def __init__(self) -> None:
        self._table: NftTable | None = None
        with ExitStack() as parts:
            self.namespace = parts.enter_context(Namespace())
            self._outside = parts.enter_context(Pod(self.namespace, "uplink", "198.51.100.1", "2001:db8:51::1"))
            self._pods = {
                name: parts.enter_context(Pod(self.namespace, name, f"10.65.0.{place}", f"fd00:65::{place}"))
                for place, name in enumerate(INTERFACES, start=1)
            }
            self._parts = parts.pop_all()

    def begin(self) -> None:
        """Forget the rules of a former history."""
        if self._table:
            delete_table(self.namespace)
        self._table = None

    def write(self, node: Node) -> None:
        table = render_nftables(node)
        load_table(self.namespace, update_nftables(self._table, table) if self._table else table.restore())
        self._table = table

    def rewrite(self) -> None:
        """Write every chain anew with the rules that it has: their counters begin at zero."""
        assert self._table
        load_table(self.namespace, "\n".join([*self._table.rewrite(self._table.chains), ""]))

    def send(self, packet: Packet, times: int) -> None:
        pod = self._pods[packet.interface]
        incoming = packet.direction is Direction.INGRESS
        sender, target = (self._outside, pod) if incoming else (pod, self._outside)
        sender.send_udp(target, packet.port, times)

    def close(self) -> None:
        self._parts.close()


@pytest.fixture(scope="module")
def node() -> Iterator[NativeNode]:
    made = NativeNode()
    yield made
    made.close()


@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(history=histories(), traffic=batches(10, times=(1, 2, 5)))
def test_pages_of_both_ways_are_equal_at_every_step(node: NativeNode, history: History, traffic: list[Batch]) -> None:
    assume(history.nodes[0].era >= Era.C)
    node.begin()
    batch = iter(traffic)

    def look() -> None:
        for packets in (next(batch), ()):
            for packet, times in packets:
                node.send(packet, times)
            shown = pages.policy_series()
            assert shown["netlink"] == shown["nft"]

    with tempfile.TemporaryDirectory() as folder:
        pages = Pages(node.namespace, Path(folder), RESOURCES)
        for place, each in enumerate(history.nodes):
            node.write(each)
            look()
            if place == 1:
                node.rewrite()
                look()
                node.begin()
                look()  # of no table
                node.write(each)
                look()
