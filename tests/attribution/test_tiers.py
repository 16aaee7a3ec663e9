"""Which tier a block of rules belongs to, where its comments, its policies' chains and the datastore say different."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from otel_calico.calico.model import Policy, PolicyKind
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT
from otel_calico.ruleset.nft_json import calico_tables
from otel_calico.snapshot import Snapshot
from tests.attribution.node import WEB, ScannedNode, dump, page
from tests.attribution.test_attribution import TO_POD, by_policy, tier_block

HASHED = "cali-pi-_FN3MX65F7Y7Bvr0h6JV"
"""Of `security/security.block-bad`, as v3.29 to v3.31 write it."""
HASHED_LATER = "cali-pi-_FJ7pway3mX3ogPCfFDC"
"""Of `knp/default/allow-frontend`, as v3.32 writes it."""


def named(chain: str, comment: str) -> str:
    return f'[7:420] -A {chain} -m comment --comment "{comment}" -j MARK --set-xmark 0x10000/0x10000\n'


def ended(block: str, tier: str) -> str:
    return block.replace('"Drop if', f'"End of tier {tier}. Drop if')


def tier_of_drops(snapshot: Snapshot) -> list[str]:
    drops = page(snapshot, NO_POLICY_DROP)
    return [line.partition('tier="')[2].partition('"')[0] or "default" for line in drops]


@pytest.mark.parametrize(
    ("rules", "policies", "tier", "name", "contradicted"),
    [
        # A policy's chain goes before all comments,
        (tier_block("cali-pi-sec/sec.p19", "Start of tier plat"), (), "sec", "sec.p19", "plat"),
        (ended(tier_block("cali-pi-sec/sec.p19", "Start of tier plat"), "plat"), (), "sec", "sec.p19", "plat"),
        (tier_block("cali-pi-default/red/p13", "Start of tier plat"), (), "default", "red/default.p13", "plat"),
        # also where it is hashed, and its rules or the datastore have the name that was hashed.
        (
            named(HASHED, "Policy security.block-bad ingress") + tier_block(HASHED, "Start of tier plat"),
            (),
            "security",
            "security.block-bad",
            "plat",
        ),
        (
            tier_block(HASHED, "Start of tier plat"),
            (Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "security.block-bad", "security"),),
            "security",
            "security.block-bad",
            "plat",
        ),
        # From v3.32 on names tell no tier: then the end, then the datastore, then the start.
        (
            ended(tier_block("cali-pi-gnp/a", "Start of tier x"), "y"),
            (Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "a", "z"),),
            "y",
            "y.a",
            "x",
        ),
        (
            tier_block("cali-pi-gnp/a", "Start of tier x"),
            (Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "a", "z"),),
            "z",
            "z.a",
            "x",
        ),
        (tier_block("cali-pi-gnp/a", "Start of tier x"), (), "x", "x.a", ""),
        # A policy of Kubernetes' is in tier default.
        (
            named(HASHED_LATER, "KubernetesNetworkPolicy default/allow-frontend ingress")
            + tier_block(HASHED_LATER, "Start of tier plat"),
            (),
            "default",
            "default/knp.default.allow-frontend",
            "plat",
        ),
    ],
)  # fmt: skip
def test_the_best_evidence_of_a_tier_counts_and_a_contradiction_is_told(
    rules: str, policies: Sequence[Policy], tier: str, name: str, contradicted: str
) -> None:
    node = ScannedNode(WEB)
    node.put(*policies)
    snapshot = node.scan(dump(rules))
    assert by_policy(snapshot, POLICY_ACCEPT) == {name: 7}
    assert tier_of_drops(snapshot) == [tier]
    assert snapshot.report.contradicted_tiers == ((f"{TO_POD}: {tier}, not {contradicted}",) if contradicted else ())


def test_one_policy_that_tells_its_tier_tells_that_of_the_whole_block() -> None:
    """Also of a group's members, and of a policy that nothing names."""
    unnamed = "cali-pi-_aaaaaaaaaaaaaaaaaaa"
    group = "cali-gi-McX50CZhIOBAsdmewcz9"
    rules = (
        f"[1:60] -A {unnamed} -j DROP\n[12:720] -A {group} -j {unnamed}\n"
        f"[9:540] -A {group} -m mark --mark 0x0/0x30000 -j cali-pi-sec/sec.a\n"
        "[1:60] -A cali-pi-sec/sec.a -j DROP\n"
    )
    snapshot = ScannedNode(WEB).scan(dump(rules + tier_block(group, "Start of tier plat")))
    assert tier_of_drops(snapshot) == ["sec"]
    assert by_policy(snapshot, POLICY_ACCEPT) == {f"{unnamed},sec.a": 7}


def test_two_blocks_under_one_stale_comment_are_two_tiers() -> None:
    blocks = (
        tier_block("cali-pi-sec/sec.a", "Start of tier plat"),
        tier_block("cali-pi-plat/plat.b", "Start of tier plat"),
    )
    snapshot = ScannedNode(WEB).scan(dump("\n".join(blocks)))
    assert sorted(tier_of_drops(snapshot)) == ["plat", "sec"]
    assert not any("chain=" in line for line in page(snapshot))


def test_a_start_that_nftables_cut_names_no_tier_where_something_else_does() -> None:
    tier = "t" * 100
    text = json.dumps({"nftables": [
        {"table": {"family": "ip", "name": "calico"}},
        {"chain": {"family": "ip", "table": "calico", "name": f"filter-{TO_POD}", "handle": 1}},
        *(
            {"rule": {"family": "ip", "table": "calico", "chain": f"filter-{TO_POD}", "handle": 1, **rule}}
            for rule in (
                _rule(f"Start of tier {tier}"[:105], {"mangle": {"key": _MARK, "value": {"&": [_MARK, 0xFFFDFFFF]}}}),
                _rule("", _match(0x20000, 0), {"jump": {"target": f"filter-cali-pi-{tier}/{tier}.a"}}),
                _rule("Return if policy accepted", _match(0x10000, 0x10000), {"return": None}),
                _rule("Drop if no policies passed packet", _match(0x20000, 0), {"drop": None}),
            )
        ),
    ]})  # fmt: skip
    snapshot = ScannedNode(WEB).scan(calico_tables(text)["ip"])
    assert tier_of_drops(snapshot) == [tier]
    assert by_policy(snapshot, POLICY_ACCEPT) == {f"{tier}.a": 7}
    assert snapshot.report.contradicted_tiers == ()


_MARK = {"meta": {"key": "mark"}}


def _match(mask: int, value: int) -> dict[str, object]:
    return {"match": {"op": "==", "left": {"&": [_MARK, mask]}, "right": value}}


def _rule(comment: str, *expressions: dict[str, object]) -> dict[str, object]:
    *matches, action = expressions
    return {
        "comment": f"cali:{comment[:4]:_<16}; {comment}",
        "expr": [*matches, {"counter": {"packets": 7, "bytes": 420}}, action],
    }
