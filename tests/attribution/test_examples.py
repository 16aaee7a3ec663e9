"""Example rulesets of four eras, with counters as real packets left them: 7 allowed, 3 denied, 2 without a match."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import WEB, WEB_LABELS, ScannedNode, dump, page

EXAMPLES = Path(__file__).parent / "examples"
POLICY = re.compile(r'calico\.policy\.\w+="[^"]*"')
BLOCK = (
    'calico.direction="ingress",calico.policy.kind="GlobalNetworkPolicy",calico.policy.name="default.block-9090",'
    'calico.policy.namespace="",calico.policy.tier="default",calico.verdict="deny"'
)
ALLOW = (
    'calico.direction="ingress",calico.policy.kind="KubernetesNetworkPolicy",'
    'calico.policy.name="default/knp.default.allow-web",calico.policy.namespace="default",'
    'calico.policy.tier="default",calico.verdict="allow"'
)
HITS = [f"calico.policy.last_hit.time{{{','.join(POLICY.findall(labels))}}}" for labels in (BLOCK, ALLOW)]
NODE = [
    f"calico.policy.bytes{{{BLOCK}}} 180",
    f"calico.policy.bytes{{{ALLOW}}} 420",
    f"calico.policy.packets{{{BLOCK}}} 3",
    f"calico.policy.packets{{{ALLOW}}} 7",
]


def accountant(allowing: str) -> list[str]:
    """Family `accountant` of the example pod; `allowing` is what stands for the allowing policy."""
    app, ip, pod, namespace = WEB_LABELS.split(",")
    common = f"{app},{ip},{pod},{namespace}"
    return [
        f'no_policy_drop_counter{{{common},type="tw"}} 2',
        f'policy_accept_counter{{{common},policy="default.block-9090",type="tw"}} 0',
        f'policy_accept_counter{{{common},policy="{allowing}",type="tw"}} 7',
        f'policy_accept_drop_counter{{{common},policy="default.block-9090",type="tw"}} 3',
    ]


GROUP = [
    'calico.policy.group.info{calico.direction="ingress",calico.policy.group="cali-gi-McX50CZhIOBAsdmewcz9",'
    f'calico.policy.name="{name}",calico.policy.order="{place}"}} 1'
    for place, name in ((1, "default/knp.default.allow-web"), (2, "default/knp.default.default-deny"))
]


@pytest.mark.parametrize(
    ("example", "allowing", "groups"),
    [
        ("a2", "default/knp.default.allow-web", []),
        ("c", "default/knp.default.allow-web", []),
        ("d", "default/knp.default.allow-web", []),
        ("e", "default/knp.default.allow-web,default/knp.default.default-deny", GROUP),
    ],
)
def test_every_metric_of_an_example_says_what_happened(example: str, allowing: str, groups: list[str]) -> None:
    node = ScannedNode(WEB)
    node.start()

    snapshot = node.scan(dump((EXAMPLES / f"{example}.txt").read_text()))

    assert snapshot.failure is None
    hits = [f"{series} {int(snapshot.taken)}" for series in HITS]
    assert page(snapshot) == sorted([*accountant(allowing), *NODE, *hits, *groups])
    report = snapshot.report
    assert (report.malformed_lines, report.chains_without_name, report.interfaces_without_workload) == (0, (), ())


@pytest.mark.parametrize("example", ["a2", "c", "d", "e"])
def test_what_was_counted_before_the_start_is_shown_raw_but_not_counted_since(example: str) -> None:
    node = ScannedNode(WEB)

    snapshot = node.scan(dump((EXAMPLES / f"{example}.txt").read_text()))

    values = [line for line in page(snapshot) if not line.startswith("calico.policy.group.info")]
    shown = [line for line in values if not line.endswith(" 0")]
    assert [line.split("{")[0] for line in shown] == ["no_policy_drop_counter", "policy_accept_counter"]
    assert [line.split(" ")[-1] for line in shown] == ["2", "7"]


@pytest.mark.parametrize("example", ["a2", "c", "d", "e"])
def test_rejecting_denies_count_like_dropping_ones(example: str) -> None:
    dropping, rejecting = ScannedNode(WEB), ScannedNode(WEB)
    dropping.start()
    rejecting.start()
    text = dump((EXAMPLES / f"{example}.txt").read_text())
    rejects = text.replace("-j DROP", "-j REJECT --reject-with icmp-port-unreachable").replace("Drop ", "Reject ")

    rejected, dropped = page(rejecting.scan(rejects)), page(dropping.scan(text))
    assert [line for line in rejected if "last_hit" not in line] == [line for line in dropped if "last_hit" not in line]


@pytest.mark.parametrize("family", ["accountant", "policy"])
def test_a_family_that_is_off_is_not_reported(family: str) -> None:
    node = ScannedNode(WEB, settings=ScanSettings(SeriesChoice((family,))))
    node.start()

    snapshot = node.scan(dump((EXAMPLES / "e.txt").read_text()))

    assert {readings.series.metric.family for readings in snapshot.readings} == {family}
