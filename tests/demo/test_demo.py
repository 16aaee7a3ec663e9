"""The replayed node: its record is the generator's, and its numbers are those of its traffic."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.demo import DemoSource, fill
from otel_calico.demo.record import count, load_flows, rules_file
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP, POLICY_PACKETS, Metric
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.snapshot import Snapshot
from scripts.demo_node import NODE_RULES, PODS, TRAFFIC, WEB_1, WEB_2, WORKER_1
from scripts.packet import Filter, Packet
from scripts.record_demo import RECORDED_SECONDS, files
from tests.felix import render
from tests.node import iptables
from tests.node.namespace import Namespace

Values = dict[tuple[tuple[str, str], ...], int]
MINUTES = 600  # seconds between the first scan and the last


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def replay(*seconds: float) -> list[Snapshot]:
    """Snapshots at these seconds after the start."""
    lookups, clock = Lookups(), Clock()
    fill(lookups)
    scanner = NodeScanner(DemoSource(clock), lookups)
    snapshots = []
    for clock.now in seconds:
        snapshots.append(scanner.scan().snapshot)
    return snapshots


def values(snapshot: Snapshot, metric: Metric) -> Values:
    """Value by label set."""
    found: Values = {}
    for readings in snapshot.readings:
        if readings.series.metric is metric:
            labels = [tuple(sorted(each.items())) for each in readings.series.labels]
            found |= dict(zip(labels, readings.values or [0] * len(labels), strict=True))
    return found


def risen(metric: Metric, *names: str) -> dict[tuple[str, ...], int]:
    """By how much the sums over these labels rose; those that stayed are left out."""
    before, after = (values(snapshot, metric) for snapshot in replay(0, MINUTES))
    sums: Counter[tuple[str, ...]] = Counter()
    for labels, value in after.items():
        sums[tuple(dict(labels).get(name, "") for name in names)] += value - before[labels]
    return {key: rise for key, rise in sums.items() if rise}


def packets(rate: float) -> int:
    """Packets of a flow between the first scan and the last, IPv4 and IPv6 together."""
    rates = (round(rate, 4), round(rate / 4, 4))
    return sum(int(each * (RECORDED_SECONDS + MINUTES)) - int(each * RECORDED_SECONDS) for each in rates)


def test_the_committed_record_is_what_the_generator_writes() -> None:
    stale = [path.name for path, text in files().items() if path.read_text() != text]
    assert stale == [], "run `python -m scripts.record_demo`"


def test_at_the_start_the_demo_shows_the_recorded_dumps() -> None:
    recorded = [text for path, text in files().items() if path.suffix == ".rules"]
    assert [dump.text for dump in DemoSource(Clock()).read()] == recorded


def test_every_interface_and_every_chain_of_the_record_is_known() -> None:
    [snapshot] = replay(0)
    assert snapshot.failure is None
    report = snapshot.report
    assert (report.interfaces_without_workload, report.chains_without_name, report.malformed_lines) == ((), (), 0)
    assert report.backend == "demo"
    assert set(report.rules) == {"ipv4", "ipv6"}
    pods = {(dict(labels)["pod_namespace"], dict(labels)["pod"]) for labels in values(snapshot, NO_POLICY_DROP)}
    assert pods == {(pod.namespace, pod.name) for pod in PODS}


def test_packets_are_dropped_for_want_of_a_policy_at_the_worker_alone() -> None:
    assert risen(NO_POLICY_DROP, "pod", "type", "tier") == {(WORKER_1.name, "fw", ""): packets(0.8)}


def test_the_denying_policy_catches_the_known_bad_visitors_of_the_web_pods() -> None:
    assert risen(POLICY_ACCEPT_DROP, "pod", "policy", "type") == {
        (WEB_1.name, "security.block-known-bad", "tw"): packets(0.4),
        (WEB_2.name, "security.block-known-bad", "tw"): packets(0.2),
    }


def test_accepted_packets_are_the_first_packets_of_the_allowed_connections() -> None:
    accepted = risen(POLICY_ACCEPT, "pod", "type")
    expected: Counter[tuple[str, ...]] = Counter()
    for traffic in TRAFFIC:
        if not traffic.refused:
            for end, way in ((traffic.source, "fw"), (traffic.destination, "tw")):
                if not isinstance(end, tuple):
                    expected[end.name, way] += packets(traffic.rate)
    assert accepted == expected


def test_one_policy_stays_at_zero_and_all_others_move() -> None:
    before, after = (values(snapshot, POLICY_PACKETS) for snapshot in replay(0, MINUTES))
    assert set(before) == set(after)
    resting = {dict(labels)["calico.policy.name"] for labels in after if after[labels] == before[labels]}
    assert resting == {"default.allow-all-fallback"}


def test_no_counter_ever_falls() -> None:
    snapshots = replay(0, 0.3, 1, 7, 7, 3600, 90000)
    for metric in (NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP, POLICY_PACKETS):
        series = [values(snapshot, metric) for snapshot in snapshots]
        for earlier, later in pairwise(series):
            assert [labels for labels in earlier if later[labels] < earlier[labels]] == []


@pytest.mark.parametrize("version", IPVersion)
def test_the_rules_of_a_chain_count_what_reaches_them(version: IPVersion) -> None:
    """Of the packets to a pod, those of known connections are accepted first and all others get a clear mark."""
    flows = [flow for flow in load_flows().flows if flow.ip_version is version]
    counters = count(flows, version, RECORDED_SECONDS)
    for pod in PODS:
        chain = render(NODE_RULES, version).chains[f"cali-tw-{pod.interface}"]
        entering = [flow for flow in flows if any(rule.startswith(f"{chain.name} ") for rule in flow.rules)]
        established, _invalid, clear_mark, *_policies = (counters.get(each, (0, 0))[0] for each in chain.hashes)
        assert established + clear_mark == sum(flow.packets(RECORDED_SECONDS) for flow in entering)


@pytest.mark.node
@pytest.mark.parametrize("backend", iptables.BACKENDS)
def test_iptables_prints_the_record_as_it_is(namespace: Namespace, backend: str) -> None:
    recorded = rules_file(IPVersion.V4).read_text()
    iptables.set_counters(namespace, recorded, backend)
    assert iptables.rules(iptables.save(namespace, backend)) == iptables.rules(recorded)


def test_a_packet_that_the_small_iptables_does_not_understand_is_refused() -> None:
    ruleset = Filter('[0:0] -A FORWARD -m set --match-set x src -m comment --comment "cali:0123456789abcdef" -j DROP\n')
    with pytest.raises(ValueError, match="--match-set"):
        ruleset.forward(Packet("eth0", "eth1", "198.51.100.7", "tcp", 80))
