"""Whatever happens to rules, resources and reads: every number shown is the one a naive count gives."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from otel_calico.calico.model import IPVersion, WorkloadEndpoint
from otel_calico.sources.ruleset_source import SourceError
from tests.numbers.cluster import INTERFACES, changed, some_cluster
from tests.numbers.watched import WatchedNode
from tests.sources.memory import BARE

ENDPOINTS = [
    WorkloadEndpoint(interface, "warehouse", f"pod-{interface}", (f"10.0.0.{place}",), {"app": "web"})
    for place, interface in enumerate(INTERFACES)
]
OTHERS = [
    WorkloadEndpoint("cali1", "warehouse", "pod-cali1", ("10.0.0.0",), {"app": "shop"}),
    WorkloadEndpoint("cali12", "warehouse", "pod-cali1", ("10.0.0.0",), {"app": "web"}),
    WorkloadEndpoint("cali2", "warehouse", "pod-cali1", ("10.0.0.7",)),
    WorkloadEndpoint("cali2", "", "", ("10.0.0.8",)),
]
BROKEN = ["", "garbage", BARE[:-8]]

versions = st.sampled_from([(IPVersion.V4,), (IPVersion.V6,), tuple(IPVersion), tuple(IPVersion)])
looked = st.sampled_from([True, True, False])
randoms = st.randoms(use_true_random=True)  # Hypothesis' own choices are too simple for rules and traffic


class EveryNumber(RuleBasedStateMachine):
    """Changes, failures and traffic, most of them followed by a look that compares everything."""

    node: WatchedNode

    @initialize(random=randoms, backend=st.sampled_from(["legacy", "nft"]), both=st.booleans())
    def begin(self, random: Random, backend: str, *, both: bool) -> None:
        self.node = WatchedNode(some_cluster(random), backend)
        for endpoint in ENDPOINTS:
            self.node.put(endpoint)
        for version in IPVersion if both else (IPVersion.V4,):
            self.node.write(version)

    @rule(random=randoms)
    def send(self, random: Random) -> None:
        self.node.send(random)
        self.node.look()

    @rule(random=randoms, where=versions, looked=looked)
    def change(self, random: Random, where: tuple[IPVersion, ...], *, looked: bool) -> None:
        self.node.send(random)
        self.node.cluster = changed(random, self.node.cluster)
        for version in where:
            self.node.write(version)
        self.node.send(random)
        if looked:
            self.node.look()
            self.send(random)

    @rule(random=randoms, where=versions)
    def zero(self, random: Random, where: tuple[IPVersion, ...]) -> None:
        for version in where:
            if version in self.node.kernels:
                self.node.kernels[version].zero()
        self.send(random)

    @rule(version=st.sampled_from(IPVersion), random=randoms)
    def hide_for_a_while(self, version: IPVersion, random: Random) -> None:
        self.node.hidden = {version}
        self.send(random)
        self.node.hidden = set()

    @rule(where=versions)
    def remove_all(self, where: tuple[IPVersion, ...]) -> None:
        for version in where:
            self.node.remove(version)
        self.node.look()
        for version in where:
            self.node.write(version)

    @rule(endpoint=st.sampled_from(ENDPOINTS + OTHERS))
    def put(self, endpoint: WorkloadEndpoint) -> None:
        self.node.put(endpoint)
        self.node.look()

    @rule(interface=st.sampled_from(INTERFACES))
    def forget(self, interface: str) -> None:
        self.node.forget(interface)
        self.node.look()

    @rule(place=st.integers(0, 5))
    def tell_policy(self, place: int) -> None:
        self.node.tell(self.node.cluster.policies[place].policy(self.node.cluster.era))

    @rule(version=st.sampled_from(IPVersion), how=st.sampled_from([*BROKEN, None]))
    def fail(self, version: IPVersion, how: str | None) -> None:
        """A read that yields nothing, or nothing of one IP version."""
        source = self.node.service.source
        source.dumps = self.node.dumps() | {version: how or ""}
        source.error = SourceError("time_limit", "too slow") if how is None else None
        assert self.node.service.scan().failure
        source.error = None


@pytest.mark.slow
def test_every_number_shown_is_the_one_that_a_naive_count_gives() -> None:
    run_state_machine_as_test(
        EveryNumber,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
