"""Chains that do not follow the datastore within seconds are a reason to look elsewhere, once for each interface."""

from __future__ import annotations

from otel_calico.calico.model import WorkloadEndpoint
from otel_calico.scanning.lagging_chains import LaggingChains
from tests.attribution.node import ScannedNode
from tests.felix import Era, render
from tests.felix.example import example_node


class Watched:
    """Chains of `cali1` and `cali2`, and a clock."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lagging = LaggingChains(clock=lambda: self._now)
        node = ScannedNode(WorkloadEndpoint("cali1", "default", "web"))
        node.scan(render(example_node(Era.E, "cali1", "cali2")).dump())
        self._rulesets = node.scanner.scan().rulesets

    def found(self, *endpoints: str, after: float) -> bool:
        self._now += after
        return self._lagging.found(self._rulesets, endpoints)


def test_nothing_lags_while_chains_and_endpoints_are_the_same() -> None:
    watched = Watched()
    assert [watched.found("cali1", "cali2", after=10) for _ in range(3)] == [False] * 3


def test_a_pod_without_chains_and_chains_without_a_pod_are_found_once_after_seconds() -> None:
    watched = Watched()
    assert [watched.found("cali1", after=after) for after in (10, 2, 2, 10)] == [False, False, True, False]
    assert [watched.found("cali1", "cali3", after=after) for after in (1, 2, 2, 10)] == [False, False, True, False]
    watched.found("cali1", "cali2", after=1)
    assert [watched.found("cali1", after=after) for after in (1, 4)] == [False, True]


def test_a_pod_that_felix_programs_within_seconds_is_no_reason_to_look() -> None:
    watched = Watched()
    for _ in range(5):
        assert not watched.found("cali1", "cali2", "cali-new", after=10)
        assert not watched.found("cali1", "cali2", after=1)
