"""The default series of random nodes: never more than the truth is published, and all of it if looked at in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from otel_calico.attribution.accountant import TYPES
from otel_calico.calico.model import Direction
from otel_calico.metrics import (
    DEFAULT_FAMILIES,
    NO_POLICY_DROP,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_BYTES,
    POLICY_PACKETS,
)
from otel_calico.snapshot import Snapshot
from tests.felix.kernel import SIZE
from tests.packets.histories import Batch, History, batches, histories
from tests.packets.model import Truth, Way
from tests.packets.watched import WatchedNode, small_kernel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Generating overly large repr")]

Series = tuple[str, frozenset[tuple[str, str]]]
Totals = Mapping[Series, int]

_KEPT = {"pod", "type", "policy", "tier", "calico.policy.name", "calico.direction", "calico.verdict"}
_OF_GROUPS = {"allow": POLICY_ACCEPT.name, "deny": POLICY_ACCEPT_DROP.name}

random = settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],  # a busy processor is no fault of the strategies
)


def happened(truth: Truth) -> Totals:
    """What the default series should say of what became of the packets."""
    found: Counter[Series] = Counter()
    for own, packets in truth.policies.items():
        labels = {"name": own.policy, "direction": own.way.direction, "verdict": own.verdict}
        found[_series(POLICY_PACKETS.name, labels)] += packets
        found[_series(POLICY_BYTES.name, labels)] += packets * SIZE
    for own, packets in truth.groups.items():
        if own.verdict in _OF_GROUPS:
            found[_series(_OF_GROUPS[own.verdict], {**_of(own.way), "policy": own.policy})] += packets
    for (way, tier), packets in truth.unmatched.items():
        found[_series(NO_POLICY_DROP.name, _of(way) | ({} if tier == "default" else {"tier": tier}))] += packets
    return found


def published(snapshot: Snapshot) -> Totals:
    """Value of every stream as an OTLP exporter sends it, with the labels that tell it from others."""
    found: dict[Series, int] = {}
    for readings in snapshot.readings:
        if readings.series.metric.gauge:
            continue
        lost = readings.lost or [0] * len(readings.values)
        for labels, value, gone in zip(readings.series.labels, readings.values, lost, strict=True):
            own = {key.split(".")[-1]: text for key, text in labels.items() if key in _KEPT}
            found[_series(readings.series.metric.name, own)] = value + gone
    return found


def _of(way: Way) -> dict[str, str]:
    return {"pod": way.pod, "type": TYPES[Direction(way.direction)]}


def _series(metric: str, labels: Mapping[str, str]) -> Series:
    return metric, frozenset(labels.items())


def _watched(history: History) -> WatchedNode:
    return WatchedNode(small_kernel(history), history.nodes[0], DEFAULT_FAMILIES)


@random
@given(histories(), batches(8))
def test_who_looks_before_and_after_every_write_sees_everything(history: History, traffic: list[Batch]) -> None:
    watched, coming = _watched(history), iter(traffic)
    born: Totals = {}
    for node in history.nodes:
        watched.write(node)
        shown, truth = published(watched.scan()), happened(watched.truth)
        assert {
            own: value for own, value in shown.items() if own not in born and value > _most_at_first(own, truth)
        } == {}
        born = {own: born.get(own, truth.get(own, 0) - value) for own, value in shown.items()}
        for _ in range(2):
            watched.send(next(coming))
            shown, truth = published(watched.scan()), happened(watched.truth)
            assert shown == {own: truth.get(own, 0) - born[own] for own in shown}


def _most_at_first(series: Series, truth: Totals) -> int:
    """What a series may show when it begins: counted since the start nothing, else the kernel's counter."""
    return truth.get(series, 0) if series[0] in {NO_POLICY_DROP.name, POLICY_ACCEPT.name} else 0


@random
@given(histories(), batches(8))
def test_who_looks_now_and_then_never_sees_more_than_happened_nor_a_stream_fall(
    history: History, traffic: list[Batch]
) -> None:
    watched, coming = _watched(history), iter(traffic)
    before: Totals = {}
    for node in history.nodes:
        watched.write(node)
        watched.send(next(coming))
        shown, truth = published(watched.scan()), happened(watched.truth)
        assert {own: value for own, value in shown.items() if value < before.get(own, 0)} == {}
        assert {own: value for own, value in shown.items() if value > truth.get(own, 0)} == {}
        watched.send(next(coming))
        before = shown
