"""Where the name of a policy chain is found, and what happens where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.calico.model import Direction, PolicyKind
from otel_calico.metrics import POLICY_ACCEPT, POLICY_PACKETS
from tests.attribution.node import WEB, ScannedNode, dump, page
from tests.attribution.test_attribution import GNP, NP, TO_POD, by_policy, pod, scanned, tier_block
from tests.felix import Era, Policy, allow, deny, render
from tests.felix.example import ALLOW_WEB, UDP
from tests.felix.policy_chains import policy_chain_name


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ('-m comment --comment "Policy shop/default.a ingress" -j DROP', "shop/default.a"),
        ('-m comment --comment "k=v" -m comment --comment "Policy shop/default.a ingress" -j DROP', "shop/default.a"),
        (
            '-m mark --mark 0x40000/0x40000 -j NFLOG --nflog-prefix "DPI0|shop/default.a" --nflog-group 1',
            "shop/default.a",
        ),
        ("-j DROP", ""),
    ],
)
def test_a_hashed_chain_is_named_by_its_rules(rule: str, name: str) -> None:
    chain = "cali-pi-_U9myGYtVH3rf9vAa4xA"
    node = ScannedNode(WEB)
    snapshot = node.scan(dump(f"[1:60] -A {chain} {rule}\n{tier_block(chain, 'Start of tier default')}"))
    assert by_policy(snapshot, POLICY_ACCEPT) == {name or chain: 7}
    assert snapshot.report.chains_without_name == (() if name else (chain,))


@pytest.mark.parametrize(
    ("chain", "start", "name"),
    [
        ("cali-pi-default.a", "Start of policies", "default.a"),
        ("cali-pi-shop/default.a", "Start of policies", "shop/default.a"),
        ("cali-pi-t1/t1.a", "Start of tier t1", "t1.a"),
    ],
)
def test_an_unhashed_chain_is_named_by_itself(chain: str, start: str, name: str) -> None:
    node = ScannedNode(WEB)
    snapshot = node.scan(dump(f"[1:60] -A {chain} -j DROP\n{tier_block(chain, start)}"))
    assert by_policy(snapshot, POLICY_ACCEPT) == {name: 7}


@pytest.mark.parametrize(
    ("comment", "chain", "name"),
    [
        (
            "KubernetesNetworkPolicy shop/allow-fro",
            "cali-pi-knp/shop/allow-from-web",
            "shop/knp.default.allow-from-web",
        ),
        ("Policy shop/knp.default.allow-fro", "cali-pi-default/shop/knp.default.a", "shop/knp.default.a"),
    ],
)
def test_a_naming_comment_that_nftables_cut_tells_how_to_read_the_chains_name(
    comment: str, chain: str, name: str
) -> None:
    rules = f'[1:60] -A {chain} -m comment --comment "{comment}" -j DROP'
    snapshot = ScannedNode(WEB).scan(dump(f"{rules}\n{tier_block(chain, 'Start of tier default')}"))
    assert by_policy(snapshot, POLICY_ACCEPT) == {name: 7}


FORGED = "Policy kube-system/knp.default.trusted ingress"


@pytest.mark.parametrize(
    ("comments", "name"),
    [
        # An annotation stands before the naming comment.
        ((FORGED.replace(" ingress", "=x ingress"), "Policy shop/default.a ingress"), "shop/default.a"),
        ((f"note={FORGED}", "Policy shop/default.a ingress"), "shop/default.a"),
        # Whatever an annotation says, it has an equals sign, also up to v3.21, where no naming comment follows.
        ((f"note={FORGED}",), ""),
        (("Policy kube-system/knp=default.trusted ingress",), ""),
        (("Policy kube=system/knp.default.trusted ingress",), ""),
        # Naming comments stand last, in the first rule.
        ((FORGED, "something else"), ""),
        # One that fills its room may have been cut.
        ((f"Policy shop/{'a' * 256} ingress"[-256:],), ""),
        ((f"Policy shop/{'a' * 236} ingress",), ""),
    ],
)
def test_what_does_not_stand_where_felix_names_a_policy_names_none(comments: tuple[str, ...], name: str) -> None:
    chain = "cali-pi-_U9myGYtVH3rf9vAa4xA"
    said = " ".join(f'-m comment --comment "{comment}"' for comment in comments)
    rules = f'[1:60] -A {chain} {said} -j DROP\n[1:60] -A {chain} -m comment --comment "{FORGED}" -j DROP\n'
    snapshot = ScannedNode(WEB).scan(dump(rules + tier_block(chain, "Start of tier default")))
    assert by_policy(snapshot, POLICY_ACCEPT) == {name or chain: 7}


@pytest.mark.parametrize("chain", ["cali-pi-np/evil/default.x", "cali-pi-default/evil/default.x"])
def test_no_comment_goes_before_what_the_chain_itself_is_called(chain: str) -> None:
    rules = f'[1:60] -A {chain} -m comment --comment "{FORGED}" -j DROP\n'
    snapshot = ScannedNode(WEB).scan(dump(rules + tier_block(chain, "Start of tier default")))
    assert by_policy(snapshot, POLICY_ACCEPT) == {"evil/default.x": 7}


def test_chains_of_two_releases_are_each_read_their_own_way() -> None:
    """While Felix is upgraded both are there; most tell the scheme of those that could be of either."""
    blocks = (tier_block(chain, f"Start of tier {tier}") for chain, tier in (
        ("cali-pi-gnp/a", "x"), ("cali-pi-np/shop/b", "x"), ("cali-pi-sec/sec.c", "sec"), ("cali-pi-t/shop/t.d", "t")
    ))  # fmt: skip
    rules = "\n".join(blocks)
    assert by_policy(ScannedNode(WEB).scan(dump(rules)), POLICY_ACCEPT) == {
        "x.a": 7, "shop/x.b": 7, "sec.c": 7, "shop/t.d": 7
    }  # fmt: skip


def test_comments_that_forge_a_release_change_no_other_policys_name() -> None:
    forged = '[1:60] -A cali-pi-_aaaaaaaaaaaaaaaaaaa -m comment --comment "NetworkPolicy a/b ingress" -j DROP\n'
    rules = forged + tier_block("cali-pi-default/evil/default.x", "Start of tier default")
    assert by_policy(ScannedNode(WEB).scan(dump(rules)), POLICY_ACCEPT) == {"evil/default.x": 7}


def test_a_hashed_chain_without_any_name_in_it_is_named_by_the_datastore_as_soon_as_that_is_known() -> None:
    node, ruleset = ScannedNode(WEB), render(pod(ALLOW_WEB, era=Era.A1))
    chain = policy_chain_name(ALLOW_WEB, Direction.INGRESS, Era.A1)
    unnamed = node.scan(ruleset.dump())
    assert (by_policy(unnamed, POLICY_ACCEPT), unnamed.report.chains_without_name) == ({chain: 0}, (chain,))

    node.put(ALLOW_WEB.resource)
    named = node.scan(ruleset.dump())
    assert by_policy(named, POLICY_ACCEPT) == {"default/knp.default.allow-web": 0}
    assert named.report.chains_without_name == ()


@pytest.mark.parametrize("kind", [NP, GNP])
def test_a_policy_before_and_after_its_migration_is_one_policy_with_two_series(kind: PolicyKind) -> None:
    namespace = "shop" if kind is NP else ""
    old = Policy(kind, "default.a", namespace, selector="x", ingress=(deny(UDP, 1), allow(UDP, 2)))
    new = replace(old, name="a", selector="y")

    snapshot = scanned(pod(old, new, era=Era.E), (1, 5), (2, 7))

    name = f"{namespace}/default.a".lstrip("/")
    packets = page(snapshot, POLICY_PACKETS)
    assert len(packets) == 2
    assert {line.rpartition(" ")[2] for line in packets} == {"5", "7"}
    accepted = page(snapshot, POLICY_ACCEPT)
    assert [f'policy="{name}"' in line for line in accepted] == [True, True]
    assert sorted("chain=" in line for line in accepted) == [False, True]


def test_host_endpoint_chains_name_policies_but_are_no_workloads() -> None:
    chain = "cali-pi-_VIosPj0G4UUqruEKlmI"
    comment = '-m comment --comment "KubernetesClusterNetworkPolicy cluster-default-deny ingress"'
    for prefix in ("cali-fh-eth0", "cali-fhfw-eth0", "cali-fh-any-interface-at-all"):
        lines = f"[3:180] -A {chain} {comment} -j DROP\n" + tier_block(chain, "Start of tier kube-admin").replace(
            TO_POD, prefix
        )
        node = ScannedNode(WEB)
        node.start()
        snapshot = node.scan(dump(lines))
        assert snapshot.report.interfaces_without_workload == ()
        names = [line.partition("{")[0] for line in page(snapshot)]
        assert names == ["calico.policy.bytes", "calico.policy.last_hit.time", "calico.policy.packets"]
        assert 'calico.policy.name="kcnp.kube-admin.cluster-default-deny"' in page(snapshot)[1]
