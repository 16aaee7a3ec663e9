"""Of a policy whose chain is not in the dump, what the endpoint's chain counted is kept, and nothing is claimed."""

from __future__ import annotations

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Policy, PolicyKind
from otel_calico.metrics import FAMILIES, POLICY_ACCEPT, POLICY_ACCEPT_DROP, WORKLOAD_POLICY
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import WEB, ScannedNode, dump, page
from tests.attribution.test_attribution import TO_POD, by_policy, tier_block

POLICY, GROUP = "cali-pi-_8i9kLEmjC1-ICmKuK4a", "cali-gi-McX50CZhIOBAsdmewcz9"
START = "Start of tier default"
PROFILE = f"\n[0:0] -A {TO_POD} -j cali-pri-kns.default"
NAMED = '[1:60] -A cali-pi-default/a -m comment --comment "Policy a ingress" -j MARK --set-xmark 0x10000/0x10000\n'


@pytest.mark.parametrize("chain", [POLICY, GROUP])
def test_what_a_missing_chain_accepted_and_denied_is_told_by_the_endpoints_chain(chain: str) -> None:
    node = ScannedNode(WEB, settings=ScanSettings(SeriesChoice(FAMILIES)))
    node.start()
    snapshot = node.scan(dump(tier_block(chain, START) + PROFILE))
    assert by_policy(snapshot, POLICY_ACCEPT) == {chain: 7}
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {chain: 3}
    assert snapshot.report.missing_chains == tuple(sorted([chain, "cali-pri-kns.default"]))
    decided = [line for line in page(snapshot, WORKLOAD_POLICY[0]) if chain in line]
    assert [line.rpartition("verdict=")[2].partition('"')[2].partition('"')[0] for line in decided] == [
        "allow",
        "deny",
        "pass",
    ]


@pytest.mark.parametrize(
    ("rules", "declared", "missing"),
    [
        ("", False, True),
        ("", True, True),  # from v3.22 on Felix writes a rule into every policy chain
        (NAMED, True, True),
    ],
)
def test_a_chain_that_is_declared_and_empty_is_missing_too_where_felix_writes_no_such(
    rules: str, *, declared: bool, missing: bool
) -> None:
    text = dump(rules + tier_block(POLICY, START))
    if declared:
        text = text.replace(":cali-", f":{POLICY} - [0:0]\n:cali-", 1)
    assert ScannedNode(WEB).scan(text).report.missing_chains == ((POLICY,) if missing else ())


def test_a_missing_chain_of_an_endpoint_or_a_profile_is_told_too() -> None:
    rules = f"[9:9] -A cali-to-wl-dispatch -o cali1 -g cali-tw-cali1\n[9:9] -A {TO_POD} -j cali-pri-kns.default"
    assert ScannedNode(WEB).scan(dump(rules)).report.missing_chains == ("cali-pri-kns.default", "cali-tw-cali1")


def test_up_to_v3_21_an_empty_chain_is_a_policy_without_rules() -> None:
    text = dump(tier_block(POLICY, "Start of policies")).replace(":cali-", f":{POLICY} - [0:0]\n:cali-", 1)
    assert ScannedNode(WEB).scan(text).report.missing_chains == ()


def test_a_missing_chain_is_named_by_itself_or_by_the_datastore() -> None:
    node = ScannedNode(WEB)
    assert by_policy(node.scan(dump(tier_block("cali-pi-t1/t1.a", "Start of tier t1"))), POLICY_ACCEPT) == {"t1.a": 7}
    chain = "cali-pi-_9tjSCz6Yv0P45r-9ylU"  # default/default/knp.default.foo
    node.put(Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "default", "foo"))
    assert by_policy(node.scan(dump(tier_block(chain, START))), POLICY_ACCEPT) == {"default/knp.default.foo": 7}


def test_a_group_of_which_one_member_is_missing_keeps_its_accepts_under_both_names() -> None:
    group = (
        f"{NAMED}[7:420] -A {GROUP} -j cali-pi-default/a\n[3:180] -A {GROUP} -m mark --mark 0x0/0x30000 -j {POLICY}\n"
    )
    snapshot = ScannedNode(WEB).scan(dump(group + tier_block(GROUP, START)))
    assert by_policy(snapshot, POLICY_ACCEPT) == {f"default.a,{POLICY}": 7}
    assert snapshot.report.missing_chains == (POLICY,)


def test_a_policy_of_which_a_rule_could_not_be_read_may_have_denied() -> None:
    spoilt = '[3:180] -A cali-pi-t1/t1.a -m comment --comment "x -j DROP\n'
    node = ScannedNode(WEB)
    node.start()
    snapshot = node.scan(dump(spoilt + tier_block("cali-pi-t1/t1.a", "Start of tier t1") + PROFILE))
    assert snapshot.report.malformed_lines == 1
    assert by_policy(snapshot, POLICY_ACCEPT_DROP) == {"t1.a": 3}
