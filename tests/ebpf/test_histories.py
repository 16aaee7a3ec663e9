"""Random policies, edits, restarts and packets: every series equals what truly happened, or is not there."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Verdict, WorkloadEndpoint
from otel_calico.ebpf.account import EbpfAccount
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.match_ids import IdForm
from otel_calico.metrics import (
    FAMILIES,
    NO_POLICY_DROP,
    NODE_DROPPED,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_PACKETS,
    RULE,
    WORKLOAD_ACCEPTED,
    WORKLOAD_DROPPED,
    Metric,
)
from otel_calico.series import Labels
from tests.ebpf.model import ACCEPTED, DROPPED, TIERS, ModelNode, ModelPolicy, ModelRule, Truth

pytestmark = pytest.mark.slow

INTERFACES = ("cali1", "cali2", "cali3")
PORTS = (1, 2, 3)
NAMES = ("p", "q", "r")
TYPES = {"tw": Direction.INGRESS, "fw": Direction.EGRESS}

Series = tuple[Metric, frozenset[tuple[str, str]]]
Node = tuple[IdForm, Sequence[ModelPolicy], Sequence[frozenset[str]]]

rules = st.builds(ModelRule, st.sampled_from([*Verdict, Verdict.ALLOW, None]), st.sampled_from([*PORTS, *PORTS, None]))
listed = st.lists(rules, min_size=1, max_size=3).map(tuple)
sides = st.one_of(
    st.fixed_dictionaries({Direction.INGRESS: listed}),
    st.fixed_dictionaries({Direction.INGRESS: listed, Direction.EGRESS: listed}),
    st.just({Direction.INGRESS: ()}),
)
policies = st.builds(ModelPolicy, st.sampled_from(NAMES), st.sampled_from(TIERS), sides)
interfaces = st.sampled_from(INTERFACES)
packets = st.tuples(
    st.just("send"), interfaces, st.sampled_from(list(Direction)), st.sampled_from(PORTS), st.integers(1, 9)
)
changes = st.one_of(
    st.tuples(st.just("put"), policies),
    st.tuples(st.just("drop"), st.sampled_from(NAMES)),
    st.tuples(st.just("select"), interfaces, st.frozensets(st.sampled_from(NAMES))),
    st.tuples(st.just("profile"), interfaces),
    st.tuples(st.just("restart")),
    st.tuples(st.just("bounce"), interfaces),
)
steps = st.one_of(packets, packets, packets, changes, st.tuples(st.just("look")))
courses = st.lists(steps, min_size=10, max_size=30)
nodes = st.tuples(
    st.sampled_from(IdForm),
    st.tuples(*(st.builds(ModelPolicy, st.just(name), st.sampled_from(TIERS), sides) for name in NAMES)),
    st.tuples(*(st.frozensets(st.sampled_from(NAMES), min_size=1) for _ in INTERFACES)),
)


class Played:
    """A model and the account that looks at it. `since` is the truth of each series when it began to be shown."""

    def __init__(self, node: Node) -> None:
        form, given_policies, selected = node
        self.model = ModelNode(form)
        self.model.policies |= {policy.name: policy for policy in given_policies}
        lookups = Lookups()
        for interface, names in zip(INTERFACES, selected, strict=True):
            self.model.add_workload(interface, names, profile=interface == "cali3")
            lookups.put("endpoints", interface, WorkloadEndpoint(interface, "shop", interface))
        self._account = EbpfAccount(lookups, SeriesChoice(families=FAMILIES))
        self._taken = 0
        self.shown: dict[Series, int] = {}
        self._since: dict[Series, int] = {}
        self._before = deepcopy(self.model.truth)

    def look(self) -> None:
        self._taken += 1
        readings = self._account.read(self.model.state(), {}, self._taken * 10**9)
        shown: dict[Series, int] = {}
        for one in readings:
            if not one.series.metric.gauge:
                for labels, value in zip(one.series.labels, one.values, strict=True):
                    shown[one.series.metric, frozenset(labels.items())] = value
        new = shown.keys() - self._since.keys()
        self._since = {series: self._since[series] for series in shown if series not in new}
        self._since |= {series: self._begins(series) for series in new}
        self._before = deepcopy(self.model.truth)
        self.fell = [series for series, value in self.shown.items() if shown.get(series, value) < value]
        self.shown = shown

    def _begins(self, series: Series) -> int:
        """Where a new series begins: one of a rule or of a workload now, all others at the last look."""
        now = self._taken == 1 or series[0] in {RULE[0], NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP}
        return self.true(series, self.model.truth if now else self._before)

    def true(self, series: Series, truth: Truth | None = None) -> int:
        metric, labels = series[0], dict(series[1])
        truth = truth or self.model.truth
        if metric in {POLICY_PACKETS, RULE[0]}:
            decides = self._decides(labels["calico.policy.name"], labels["calico.direction"], labels["calico.verdict"])
            return (
                truth.policies[decides]
                if metric is POLICY_PACKETS
                else truth.rules[decides, int(labels["calico.rule.index"])]
            )
        if metric is NODE_DROPPED[0]:
            if labels["reason"] == "no_profile":
                return sum(truth.no_profile.values())
            return truth.ends[labels["calico.tier"], Direction(labels["calico.direction"])]
        if metric in {WORKLOAD_ACCEPTED, WORKLOAD_DROPPED[0]}:
            place = ACCEPTED if metric is WORKLOAD_ACCEPTED else DROPPED
            return truth.interfaces[labels["k8s.pod.name"], Direction(labels["calico.direction"]), place]
        way = TYPES[labels["type"]]
        if metric is NO_POLICY_DROP:
            return truth.ends_on_workload[labels["pod"], labels.get("tier", "default"), way]
        verdict = {POLICY_ACCEPT: "allow", POLICY_ACCEPT_DROP: "deny"}[metric]
        return truth.on_workload[labels["pod"], self._decides(labels["policy"], way.value, verdict)]

    def counted_since_shown(self, series: Series) -> int:
        return self.true(series) - self._since[series]

    def apply(self, step: tuple[object, ...]) -> None:
        model = self.model
        match step:
            case ("send", str(interface), Direction() as way, int(port), int(number)):
                model.send(interface, way, port, number)
            case ("put", ModelPolicy() as policy):
                model.policies[policy.name] = policy
            case ("drop", str(name)):
                model.policies.pop(name, None)
            case ("select", str(interface), frozenset() as names):
                model.workloads[interface] = names
            case ("profile", str(interface)):
                model.profiles[interface] = not model.profiles[interface]
            case ("restart",):
                model.restart_felix()
            case ("bounce", str(interface)):
                model.bounce(interface)
        model.change()

    def _decides(self, policy: str, direction: str, verdict: str) -> PolicyVerdict:
        found = (one for one in self.model.truth.policies if one.policy.name == policy)
        for one in found:
            if (one.direction.value, one.verdict.value) == (direction, verdict):
                return one
        return PolicyVerdict(ModelPolicy("none", policy, {}).canonical, Direction(direction), Verdict(verdict))


def _labels(series: Series) -> Labels:
    return dict(series[1])


@given(nodes, courses)
@settings(max_examples=80, deadline=None)
def test_where_every_change_is_looked_at_every_series_is_true(node: Node, course: list[tuple[object, ...]]) -> None:
    played = Played(node)
    played.look()
    for step in course:
        is_change = step[0] not in {"send", "look"}
        if is_change:
            played.look()
        played.apply(step)
        if is_change or step[0] == "look":
            played.look()
            assert played.fell == []
    played.look()
    wrong = {
        series: (value, played.counted_since_shown(series))
        for series, value in played.shown.items()
        if value != played.counted_since_shown(series)
    }
    assert wrong == {}


@given(nodes, courses)
@settings(max_examples=80, deadline=None)
def test_where_a_change_passes_unseen_no_series_says_too_much_or_falls(
    node: Node, course: list[tuple[object, ...]]
) -> None:
    played = Played(node)
    played.look()
    changed = False
    for step in course:
        is_change = step[0] not in {"send", "look"}
        if step[0] == "look" or (is_change and changed):  # two changes that lead back are not told from none
            played.look()
            assert played.fell == []
            changed = False
        played.apply(step)
        changed |= is_change
    played.look()
    too_much = {
        series: (value, played.counted_since_shown(series))
        for series, value in played.shown.items()
        if value > played.counted_since_shown(series)
    }
    assert too_much == {}
