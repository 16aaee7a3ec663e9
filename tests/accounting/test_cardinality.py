"""Fewer series where somebody asked for fewer: which are left, that they are right, and that they stay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from otel_calico.accounting.cardinality import CardinalityChoice
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.attribution.workloads import WorkloadFilter
from otel_calico.calico.label_selector import parse_selector
from otel_calico.calico.model import Direction, IPVersion, WorkloadEndpoint
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.series import Readings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import ScannedNode, page
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.felix.kernel import Kernel, Packet

ALL = ("accountant", "policy", "workload", "rule")
PODS = [
    WorkloadEndpoint(f"cali{place}", namespace, f"web-{place}", (f"10.0.0.{place}",), {"app": app})
    for place, (namespace, app) in enumerate([("shop", "web"), ("shop", "cache"), ("kube-system", "dns"), ("bank", "")])
]
INTERFACES = [pod.interface for pod in PODS]


def node(choice: CardinalityChoice | None = None, workloads: WorkloadFilter | None = None) -> ScannedNode:
    series = SeriesChoice(ALL, workloads=workloads or WorkloadFilter())
    settings = ScanSettings(series, cardinality=choice or CardinalityChoice())
    scanned = ScannedNode(*PODS, settings=settings)
    scanned.start()
    return scanned


def kernel(*interfaces: str) -> Kernel:
    return Kernel(render(example_node(Era.E, *(interfaces or INTERFACES)), IPVersion.V4), "legacy")


def send(to: Kernel, interface: str, *ports: int) -> None:
    for port in ports:
        to.send(Packet(interface, Direction.INGRESS, port))


def ever_counted(snapshot: Snapshot) -> list[str]:
    """The page without the counters that are zero."""
    return [
        line
        for line in page(snapshot)
        if not line.endswith(" 0") or line.startswith(("calico.policy.group.info", "calico.policy.last_hit.time"))
    ]


def without_times(lines: Sequence[str]) -> list[str]:
    """Two nodes are not scanned in the same second."""
    return [line for line in lines if not line.startswith("calico.policy.last_hit.time")]


def test_without_zeros_a_page_has_what_counted_and_a_reset_takes_nothing_from_it() -> None:
    every, some, rules = node(), node(CardinalityChoice(omit_zeros=True)), kernel()
    for interface, port in (("cali0", 8080), ("cali2", 9090), ("cali0", 5353)):
        send(rules, interface, port)
        whole, part = every.scan(rules.dump()), some.scan(rules.dump())
        assert without_times(page(part)) == without_times(ever_counted(whole))
    shown = {line.rpartition(" ")[0] for line in page(part)}
    rules.zero()
    every.scan(rules.dump())
    assert {line.rpartition(" ")[0] for line in page(some.scan(rules.dump()))} == shown
    send(rules, "cali0", 8080)
    whole, part = every.scan(rules.dump()), some.scan(rules.dump())
    wholes = {line.rpartition(" ")[0]: line for line in page(whole)}
    assert without_times(page(part)) == without_times([wholes[series] for series in sorted(shown)])


def objects(snapshot: Snapshot) -> list[tuple[Readings, object]]:
    return [(one, one.series) for one in snapshot.readings]


@pytest.mark.parametrize("choice", [CardinalityChoice(omit_zeros=True), CardinalityChoice(omit_zeros=True, limit=12)])
def test_parts_are_the_same_objects_while_the_same_series_are_left(choice: CardinalityChoice) -> None:
    some, rules = node(choice), kernel()
    send(rules, "cali0", 8080, 9090)
    send(rules, "cali1", 8080, 5353)
    some.scan(rules.dump())
    first = some.scan(rules.dump())
    assert objects(some.scan(rules.dump())) == objects(first)
    send(rules, "cali1", 8080)  # shown before
    second = some.scan(rules.dump())
    assert [one.series for one in second.readings] == [one.series for one in first.readings]
    same = [now.series.metric.name for now, then in zip(second.readings, first.readings, strict=True) if now is then]
    moved = [
        now.series.metric.name for now, then in zip(second.readings, first.readings, strict=True) if now is not then
    ]
    assert same
    assert moved


def test_not_more_series_than_the_limit_the_same_ones_whatever_their_order_and_the_rest_is_counted() -> None:
    whole = page(node().scan(kernel().dump()))
    limits = (1, 3, 10, 17, 40, len(whole) - 1)
    for limit in limits:
        limited = node(CardinalityChoice(limit=limit))
        snapshot = limited.scan(kernel().dump())
        shown = page(snapshot)
        assert len(shown) == limit
        assert set(shown) < set(whole)
        left_out = Counter(line.partition("{")[0] for line in set(whole) - set(shown))
        assert {metric.name: count for metric, count in snapshot.report.series_left_out.items()} == left_out
        shuffled = random.Random(limit).sample(INTERFACES, len(INTERFACES))
        again = node(CardinalityChoice(limit=limit)).scan(kernel(*shuffled).dump())
        assert without_times(page(again)) == without_times(shown)
    enough = node(CardinalityChoice(limit=len(whole))).scan(kernel().dump())
    assert without_times(page(enough)) == without_times(whole)
    assert enough.report.series_left_out == {}


def test_a_pod_that_comes_puts_out_no_more_series_than_it_brings_and_all_come_back_when_it_goes() -> None:
    limited = node(CardinalityChoice(limit=60))
    before = page(limited.scan(kernel("cali1", "cali2", "cali3").dump()))
    with_one_more = page(limited.scan(kernel().dump()))
    brought = [line for line in with_one_more if '"web-0"' in line]
    assert 0 < len(set(before) - set(with_one_more)) <= len(brought)
    assert page(limited.scan(kernel("cali1", "cali2", "cali3").dump())) == before


def test_a_limit_keeps_what_the_node_and_its_drops_tell() -> None:
    limited = node(CardinalityChoice(limit=20))
    rules = kernel()
    metrics = Counter(line.partition("{")[0] for line in page(limited.scan(rules.dump())))
    assert metrics == {
        "calico.policy.packets": 2,
        "calico.policy.bytes": 2,
        "calico.policy.last_hit.time": 2,
        "calico.policy.group.info": 2,
        "no_policy_drop_counter": 4,
        "policy_accept_drop_counter": 4,
        "policy_accept_counter": 4,
    }


def chosen(workloads: WorkloadFilter) -> set[str]:
    snapshot = node(workloads=workloads).scan(kernel().dump())
    assert snapshot.report.interfaces_without_workload == ()
    return {
        labels.get("pod") or labels["k8s.pod.name"]
        for readings in snapshot.readings
        for labels in readings.series.labels
        if "pod" in labels or "k8s.pod.name" in labels
    }


@pytest.mark.parametrize(
    ("workloads", "pods"),
    [
        (WorkloadFilter(), {"web-0", "web-1", "web-2", "web-3"}),
        (WorkloadFilter(("shop",)), {"web-0", "web-1"}),
        (WorkloadFilter((), ("kube-*",)), {"web-0", "web-1", "web-3"}),
        (WorkloadFilter(("*",), ("shop", "bank")), {"web-2"}),
        (WorkloadFilter(labels=parse_selector("app in (web,dns)")), {"web-0", "web-2"}),
        (WorkloadFilter(("shop",), labels=parse_selector("app!=web")), {"web-1"}),
    ],
)
def test_only_chosen_workloads_have_series(workloads: WorkloadFilter, pods: set[str]) -> None:
    assert chosen(workloads) == pods


def test_totals_of_policies_and_rules_are_those_of_the_whole_node_whatever_is_chosen() -> None:
    every, some, rules = node(), node(workloads=WorkloadFilter(("bank",))), kernel()
    for scanned in (every, some):
        scanned.scan(rules.dump())
    send(rules, "cali0", 8080, 9090, 9090)
    whole, part = page(every.scan(rules.dump())), page(some.scan(rules.dump()))
    of_node = ("calico.policy.packets", "calico.policy.bytes", "calico.policy.group", "calico.rule")
    assert [line for line in part if line.startswith(of_node)] == [line for line in whole if line.startswith(of_node)]
    assert [line for line in part if line.startswith("calico.policy.packets") and line.endswith(" 2")]


def test_a_workload_whose_labels_change_comes_and_goes() -> None:
    scanned = node(workloads=WorkloadFilter(labels=parse_selector("app=web")))
    assert '"web-1"' not in str(page(scanned.scan(kernel().dump())))
    scanned.lookups.put("workloadendpoints", "cali1", replace(PODS[1], labels={"app": "web"}))
    assert '"web-1"' in str(page(scanned.scan()))


LABELLED = {
    "nothing": {},
    "web": {"app": "web"},
    "cache": {"app": "cache"},
    "empty": {"app": ""},
    "web of x": {"app": "web", "tier": "x"},
    "x": {"tier": "x"},
    "named": {"app.kubernetes.io/name": "web"},
}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", set(LABELLED)),
        ("app", {"web", "cache", "empty", "web of x"}),
        ("!app", {"nothing", "x", "named"}),
        ("app=web", {"web", "web of x"}),
        (" app == web , tier ", {"web of x"}),
        ("app!=web", {"nothing", "cache", "empty", "x", "named"}),
        ("app in (web, cache),!tier", {"web", "cache"}),
        ("app notin (web),app", {"cache", "empty"}),
        ("app=", {"empty"}),
        ("app.kubernetes.io/name=web", {"named"}),
    ],
)
def test_selectors_mean_what_kubernetes_says(text: str, selected: set[str]) -> None:
    selector = parse_selector(text)
    assert {name for name, labels in LABELLED.items() if selector.matches(labels)} == selected


@pytest.mark.parametrize("text", ["=web", "app=a b", "app in (x", "app in x", "a,,b", "app>3", "-app", "a=b=c", "!a=b"])
def test_what_is_no_selector_is_refused_with_the_part_that_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="has a part that is no requirement"):
        parse_selector(text)
