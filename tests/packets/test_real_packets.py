"""The same promises with real packets through real rules: a few random histories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from otel_calico.calico.model import Direction
from tests.felix import Ruleset, update
from tests.felix.kernel import Packet
from tests.node.iptables import BACKENDS, clear, load, save
from tests.node.namespace import Namespace
from tests.node.pod import Pod
from tests.packets.histories import INTERFACES, Batch, History, batches, histories
from tests.packets.promises import look_in_time
from tests.packets.watched import WatchedNode

pytestmark = [pytest.mark.node, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


class RealKernel:
    """The kernel of a namespace with three pods and a host outside."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self._ruleset: Ruleset | None = None
        with ExitStack() as parts:
            self._namespace = parts.enter_context(Namespace())
            self._outside = parts.enter_context(Pod(self._namespace, "uplink", "198.51.100.1", "2001:db8:51::1"))
            self._pods = {
                name: parts.enter_context(Pod(self._namespace, name, f"10.65.0.{place}", f"fd00:65::{place}"))
                for place, name in enumerate(INTERFACES, start=1)
            }
            self._parts = parts.pop_all()

    def begin(self) -> None:
        """Forget the rules of a former history."""
        clear(self._namespace, self.backend)
        self._ruleset = None

    def write(self, ruleset: Ruleset) -> None:
        text = update(self._ruleset, ruleset, self.backend) if self._ruleset else ruleset.restore()
        load(self._namespace, text, self.backend)
        self._ruleset = ruleset

    def send(self, packet: Packet, times: int) -> None:
        pod = self._pods[packet.interface]
        incoming = packet.direction is Direction.INGRESS
        sender, target = (self._outside, pod) if incoming else (pod, self._outside)
        sender.send_udp(target, packet.port, times)

    def dump(self) -> str:
        return save(self._namespace, self.backend)

    def close(self) -> None:
        self._parts.close()


@pytest.fixture(scope="module", params=BACKENDS)
def kernel(request: pytest.FixtureRequest) -> Iterator[RealKernel]:
    real = RealKernel(request.param)
    yield real
    real.close()


@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories(), traffic=batches(8, times=(1, 2, 5)))
def test_real_packets_are_told_apart_as_the_model_says(
    kernel: RealKernel, history: History, traffic: list[Batch]
) -> None:
    kernel.begin()
    look_in_time(WatchedNode(kernel, history.nodes[0]), replace(history, backend=kernel.backend), iter(traffic))
