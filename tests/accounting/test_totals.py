"""Random nodes, traffic and rewrites: never more than the truth is published, and all of it if looked at in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from otel_calico.attribution.accountant import TYPES
from otel_calico.calico.model import Direction, PolicyKind, WorkloadEndpoint
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP, POLICY_BYTES, POLICY_PACKETS
from otel_calico.snapshot import Snapshot
from tests.attribution.node import ScannedNode
from tests.felix import Action, Endpoint, Era, Node, Policy, PolicyRule, kubernetes_profiles, render
from tests.felix.groups import tiers as tiers_of
from tests.felix.kernel import SIZE, Kernel, Packet

pytestmark = pytest.mark.slow

GNP, KNP = PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
INTERFACES = ("cali1", "cali12")
PODS = tuple(WorkloadEndpoint(interface, "shop", f"pod-{interface}") for interface in INTERFACES)
PORTS = (1, 2, 3)
VERDICTS = {Action.ALLOW: "allow", Action.DENY: "deny", Action.PASS: "pass"}

Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class Truth:
    """What happened to the packets, by the series that should say so."""

    totals: Counter[Series] = field(default_factory=Counter)

    def count(self, node: Node, packet: Packet, times: int) -> None:
        """Judge packets by what the policies say, not by the rules made of them."""
        endpoint = next(each for each in node.endpoints if each.interface == packet.interface)
        pod = {"pod": f"pod-{packet.interface}", "type": TYPES[packet.direction]}
        for tier, groups in tiers_of(node, endpoint.policies(packet.direction), packet.direction):
            verdict = None
            for group in groups:
                policy, verdict = _decide(group.programmed, packet)
                if policy and verdict:
                    joined = ",".join(map(canonical, group.programmed))
                    self._policy(policy, packet.direction, verdict, times)
                    if verdict is not Action.PASS:
                        metric = POLICY_ACCEPT if verdict is Action.ALLOW else POLICY_ACCEPT_DROP
                        self._add(metric.name, {**pod, "policy": joined}, times)
                    break
            if verdict is None and tier not in node.pass_tiers:
                self._add(NO_POLICY_DROP.name, pod if tier == "default" else {**pod, "tier": tier}, times)
                return
            if verdict in {Action.ALLOW, Action.DENY}:
                return

    def _policy(self, policy: Policy, direction: Direction, verdict: Action, times: int) -> None:
        labels = {"name": canonical(policy), "direction": direction.value, "verdict": VERDICTS[verdict]}
        self._add(POLICY_PACKETS.name, labels, times)
        self._add(POLICY_BYTES.name, labels, times * SIZE)

    def _add(self, metric: str, labels: dict[str, str], times: int) -> None:
        self.totals[metric, frozenset(labels.items())] += times


def canonical(policy: Policy) -> str:
    return f"{policy.namespace}/knp.default.{policy.name}" if policy.kind is KNP else policy.name


def _decide(policies: Iterable[Policy], packet: Packet) -> tuple[Policy | None, Action | None]:
    for policy in policies:
        for rule in policy.rules(packet.direction):
            if not rule.ports or packet.port in rule.ports:
                return policy, rule.action
    return None, None


def published(snapshot: Snapshot) -> dict[Series, int]:
    """Value of every stream as an OTLP exporter sends it, with the labels that tell it from others."""
    kept = {"pod", "type", "policy", "tier", "calico.policy.name", "calico.direction", "calico.verdict"}
    found: dict[Series, int] = {}
    for readings in snapshot.readings:
        if readings.series.metric.gauge:
            continue
        lost = readings.lost or [0] * len(readings.values)
        for labels, value, gone in zip(readings.series.labels, readings.values, lost, strict=True):
            own = {key.split(".")[-1]: text for key, text in labels.items() if key in kept}
            found[readings.series.metric.name, frozenset(own.items())] = value + gone
    return found


actions = st.sampled_from([Action.ALLOW, Action.DENY, Action.PASS])
rules = st.builds(
    lambda action, port: PolicyRule(action, "udp", (port,)) if port else PolicyRule(action),
    actions,
    st.sampled_from([0, *PORTS]),
)
shuffled = st.permutations([PolicyRule(action, "udp", (port,)) for action, port in zip(VERDICTS, PORTS, strict=True)])
rule_lists = st.lists(rules, max_size=3).map(tuple) | shuffled.map(tuple)


@st.composite
def nodes(draw: st.DrawFn, era: Era) -> Node:
    """Two pods with some of five policies in one or two tiers."""
    spare_tier = "security" if era >= Era.C else "default"
    policies = [
        Policy(kind, f"{tier}.{name}" if kind is GNP else name, "shop" if kind is KNP else "", tier,
               draw(st.sampled_from(["a", "b"])), draw(rule_lists), draw(rule_lists))
        for kind, name, tier in [(GNP, "p", spare_tier), (GNP, "q", spare_tier), (GNP, "r", "default"),
                                 (KNP, "s", "default"), (KNP, "t", "default")]
    ]  # fmt: skip
    chosen = st.lists(st.sampled_from(range(5)), unique=True, max_size=5).map(sorted)
    endpoints = tuple(
        Endpoint(
            interface,
            tuple(policies[place] for place in draw(chosen)),
            tuple(policies[place] for place in draw(chosen)),
            kubernetes_profiles("shop"),
        )
        for interface in INTERFACES
    )
    pass_tiers = draw(st.sampled_from([frozenset(), frozenset({spare_tier})])) if era >= Era.C else frozenset[str]()
    return Node(
        era,
        endpoints,
        deny_action=draw(st.sampled_from(["DROP", "REJECT"])) if era >= Era.A3 else "DROP",
        flow_logs=era >= Era.D and draw(st.booleans()),
        mark_mask=draw(st.sampled_from([0xFFFF0000, 0xFF000000])),
        pass_tiers=pass_tiers,
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[Node]]:
    """How Felix writes, and the node as it is from one write to the next."""
    era = draw(st.sampled_from(Era))
    first = draw(nodes(era))
    settings_kept = [Node(era, each.endpoints, first.deny_action, first.allow_action, first.flow_logs, first.mark_mask,
                          each.pass_tiers) for each in draw(st.lists(nodes(era), max_size=3))]  # fmt: skip
    return draw(st.sampled_from(["legacy", "nft"])), [first, *settings_kept]


flows = st.lists(
    st.tuples(
        st.builds(Packet, st.sampled_from(INTERFACES), st.sampled_from(Direction), st.sampled_from(PORTS)),
        st.sampled_from([1, 2, 5, 100]),
    ),
    max_size=8,
)


def watched(backend: str, history: list[Node]) -> tuple[ScannedNode, Kernel]:
    node = ScannedNode(*PODS)
    node.start()
    return node, Kernel(render(history[0]), backend)


def sent(kernel: Kernel, truth: Truth, node: Node, packets: list[tuple[Packet, int]]) -> None:
    for packet, times in packets:
        kernel.send(packet, times)
        truth.count(node, packet, times)


@settings(max_examples=120, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(histories(), st.lists(flows, min_size=8, max_size=8))
def test_who_looks_before_and_after_every_write_sees_everything(
    history: tuple[str, list[Node]], traffic: Sequence[list[tuple[Packet, int]]]
) -> None:
    (backend, states), coming = history, iter(traffic)
    node, kernel = watched(backend, states)
    truth, born = Truth(), Counter[Series]()
    for state in states:
        kernel.write(render(state))
        shown = published(node.scan(kernel.dump()))
        assert {
            series: value for series, value in shown.items() if series not in born and value > _most(series, truth)
        } == {}
        born = _born(shown, born, truth)
        for _ in range(2):
            sent(kernel, truth, state, next(coming))
            shown = published(node.scan(kernel.dump()))
            assert shown == {series: truth.totals[series] - born[series] for series in shown}


def _born(shown: dict[Series, int], born: Counter[Series], truth: Truth) -> Counter[Series]:
    """What each series does not say of the truth: for one that begins, what it does not show (the past)."""
    return Counter({series: born.get(series, truth.totals[series] - value) for series, value in shown.items()})


def _most(series: Series, truth: Truth) -> int:
    """What a series may show when it begins: counted since the start nothing, else the kernel's counter."""
    raw = series[0] in {NO_POLICY_DROP.name, POLICY_ACCEPT.name}
    return truth.totals[series] if raw else 0


def _falls(before: dict[Series, int], after: dict[Series, int]) -> Iterator[Series]:
    return (series for series, value in after.items() if value < before.get(series, 0))


@settings(max_examples=120, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(histories(), st.lists(flows, min_size=8, max_size=8))
def test_who_looks_now_and_then_never_sees_more_than_happened_nor_a_stream_fall(
    history: tuple[str, list[Node]], traffic: Sequence[list[tuple[Packet, int]]]
) -> None:
    (backend, states), coming = history, iter(traffic)
    node, kernel = watched(backend, states)
    truth = Truth()
    before: dict[Series, int] = {}
    for state in states:
        kernel.write(render(state))
        sent(kernel, truth, state, next(coming))
        after = published(node.scan(kernel.dump()))
        assert list(_falls(before, after)) == []
        assert {series: value for series, value in after.items() if value > truth.totals[series]} == {}
        sent(kernel, truth, state, next(coming))
        before = after
