"""Chain, id and interface names against the literals of Calico's own tests, of real nodes, and of its algorithm."""

from __future__ import annotations

import pytest

from otel_calico.calico.chains import (
    HostEndpointChain,
    IdScheme,
    chain_name,
    host_endpoint_chain,
    policy_id,
    programmed_name,
    tier_of_name,
    veth_name,
)
from otel_calico.calico.model import Direction, Policy, PolicyKind

NP, GNP, KNP = PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
ANP, BANP = PolicyKind.ADMIN_NETWORK_POLICY, PolicyKind.BASELINE_ADMIN_NETWORK_POLICY
KCNP = PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY
A, B, C = IdScheme.NAME, IdScheme.TIER_NAME, IdScheme.KIND_NAME


@pytest.mark.parametrize(
    ("ident", "suffix"),
    [
        # felix/rules/policy_test.go, felix/fv/iptables_force_programming_test.go, felix/fv/xdp_test.go
        ("long-policy-name-that-gets-hashed", "_ffOMcf6pikpiZ6hgKcW"),
        ("/long-policy-name-that-gets-hashed", "_FJ9yUkNpzshVDh2n7mg"),
        ("gnp/long-policy-name-that-gets-hashed", "_PymyFHQQg3808jiz1OJ"),
        ("default/default.policy-1", "_l_CMLPBmpkyZIIwB62k"),
        ("gnp/policy-1", "gnp/policy-1"),
        ("default.xdp-filter", "default.xdp-filter"),
        ("default/default.xdpf", "default/default.xdpf"),  # exactly 28 characters
        # output of Calico v3.10, and of real nodes
        ("default/knp.default.foo", "_ye-Z83fcSj35vkNHhEv"),
        ("shop/default.allow-web", "_Hs_N3uwH_2l4fuHH0LQ"),
        ("default.deny-all", "default.deny-all"),
        ("default/calico-system/knp.default.allow-apiserver", "_RPHPUh868v26JJg7645"),
        ("default/calico-system/knp.default.whisker", "_YYnSgB46MA1TYU44kJq"),
        ("knp/team-b/deny-from-other-ns", "_qA9lGysOzwIsyVf0V23"),
        # computed by the algorithm of libcalico-go/lib/hash/unique_id.go
        ("default.allow-dns", "default.allow-dns"),
        ("default/default.foo", "default/default.foo"),
        ("default/knp.default.allow-frontend", "_8i9kLEmjC1-ICmKuK4a"),
        ("default.allow-cluster-internal-ingress", "_ah0GM-kbnbn6BWnHC7j"),
        ("monitoring/default.allow-prometheus", "__3-L2W5PK6phI0hNZB4"),  # a hash that starts with _
        ("shop/knp.default.allow-web", "_bcoXpM4qG_3GX7j3jC1"),
        ("t1/t1.a", "t1/t1.a"),
        ("default/default.dns", "default/default.dns"),
        ("default/default.deny-all", "_rRvJ5MlQ4EKf_9WPWxZ"),
        ("default/default/knp.default.foo", "_9tjSCz6Yv0P45r-9ylU"),
        ("default/default/default.foo", "_z7xoIjNr3UYzlqszrHj"),
        ("default/shop/default.allow-web", "_Wnek3fb74yqWDiVSXjK"),
        ("default/shop/knp.default.allow-web", "_MK5Xm3rf2cTNiXwA93X"),
        ("security/security.block-bad", "_FN3MX65F7Y7Bvr0h6JV"),
        ("adminnetworkpolicy/kanp.adminnetworkpolicy.pass-dns", "_XXaJsXTXFVGCBHaiCXf"),
        ("adminnetworkpolicy/kanp.adminnetworkpolicy.cluster-guard", "_MA1oSxdcIwnFWx0j3Z4"),
        ("baselineadminnetworkpolicy/kbanp.baselineadminnetworkpolicy.default", "_Bmx5rU_QtHBNk46xFZL"),
        ("knp/default/foo", "knp/default/foo"),
        ("knp/default/allow-frontend", "_FJ7pway3mX3ogPCfFDC"),
        ("np/default/foo", "np/default/foo"),
        ("np/default/default.foo", "_kqoeN6Z7AHVWsiBmNgW"),
        ("np/shop/allow-web", "np/shop/allow-web"),
        ("knp/shop/allow-web", "knp/shop/allow-web"),
        ("np/shop/default.allow-web", "_cIsgqKoIC0Rj9xMb85G"),
        ("np/shop/knp.default.allow-web", "_qKolut1gso9ELiwUXlo"),
        ("kcnp/cluster-default-deny", "_VIosPj0G4UUqruEKlmI"),
        ("snp/default/foo", "snp/default/foo"),
    ],
)
def test_policy_chains_of_both_directions_share_their_suffix(ident: str, suffix: str) -> None:
    assert chain_name("cali-pi-", ident) == f"cali-pi-{suffix}"
    assert chain_name("cali-po-", ident) == f"cali-po-{suffix}"


@pytest.mark.parametrize(
    ("profile", "chain"),
    [
        ("kns.default", "cali-pri-kns.default"),
        ("ksa.kube-system.coredns", "cali-pri-_u2Tn2rSoAPffvE7JO6"),
        ("ksa.kube-system.calico-kube-controllers", "cali-pri-_PTRGc0U-L5Kz7V6ERW"),
        ("kns.calico-apiserver", "cali-pri-_kJqfZpgUe7r2t4A-14"),
        ("projectcalico-default-allow", "cali-pri-_TI1Jm4dJqQzYb0Rx3u"),
    ],
)
def test_profile_chains(profile: str, chain: str) -> None:
    assert chain_name("cali-pri-", profile) == chain


@pytest.mark.parametrize(
    ("prefix", "ident", "chain"),
    [
        ("cali-fh-", "any-interface-at-all", "cali-fh-any-interface-at-all"),  # exactly 28 characters
        ("cali-fhfw-", "any-interface-at-all", "cali-fhfw-_Nqh4HyA73udmyanQI"),
        ("cali-thfw-", "any-interface-at-all", "cali-thfw-_Nqh4HyA73udmyanQI"),
        ("cali-tw-", "cali0d7763386da", "cali-tw-cali0d7763386da"),
        ("cali-pi-", "", "cali-pi-_"),
    ],
)
def test_other_chains(prefix: str, ident: str, chain: str) -> None:
    assert chain_name(prefix, ident) == chain


def test_a_name_that_looks_hashed_and_fills_the_limit_is_hashed() -> None:
    assert chain_name("cali-pi-", "_234567890123456789") == "cali-pi-_234567890123456789"
    hashed = chain_name("cali-pi-", "_2345678901234567890")
    assert hashed != "cali-pi-_2345678901234567890"
    assert len(hashed) == 28


@pytest.mark.parametrize(
    ("policy", "ids"),
    [
        (
            Policy(GNP, "", "default.deny-all"),
            {A: "default.deny-all", B: "default/default.deny-all", C: "gnp/default.deny-all"},
        ),
        (Policy(GNP, "", "deny-all"), {A: "deny-all", B: "default/deny-all", C: "gnp/deny-all"}),
        (
            Policy(NP, "shop", "default.allow-web"),
            {A: "shop/default.allow-web", B: "default/shop/default.allow-web", C: "np/shop/default.allow-web"},
        ),
        (Policy(NP, "shop", "allow-web"), {C: "np/shop/allow-web"}),
        (
            Policy(KNP, "shop", "allow-web"),
            {A: "shop/knp.default.allow-web", B: "default/shop/knp.default.allow-web", C: "knp/shop/allow-web"},
        ),
        (  # the copy that kube-controllers keeps in etcd
            Policy(NP, "shop", "knp.default.allow-web"),
            {
                A: "shop/knp.default.allow-web",
                B: "default/shop/knp.default.allow-web",
                C: "np/shop/knp.default.allow-web",
            },
        ),
        (Policy(GNP, "", "security.block", tier="security"), {B: "security/security.block", C: "gnp/security.block"}),
        (
            Policy(NP, "shop", "security.allow-web", tier="security"),
            {B: "security/shop/security.allow-web", C: "np/shop/security.allow-web"},
        ),
        (Policy(ANP, "", "guard"), {B: "adminnetworkpolicy/kanp.adminnetworkpolicy.guard"}),
        (Policy(BANP, "", "default"), {B: "baselineadminnetworkpolicy/kbanp.baselineadminnetworkpolicy.default"}),
        (Policy(KCNP, "", "guard", tier="kube-admin"), {C: "kcnp/guard"}),
    ],
)
def test_policy_ids_of_every_era(policy: Policy, ids: dict[IdScheme, str]) -> None:
    assert {scheme: policy_id(policy, scheme) for scheme in ids} == ids


def test_programmed_names_are_the_ids_without_tier_kind_and_namespace() -> None:
    policy = Policy(KNP, "shop", "allow-web")
    assert [programmed_name(policy, scheme) for scheme in (A, B, C)] == [
        "knp.default.allow-web",
        "knp.default.allow-web",
        "allow-web",
    ]


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("knp.default.foo", "default"),
        ("kanp.adminnetworkpolicy.foo", "adminnetworkpolicy"),
        ("kbanp.baselineadminnetworkpolicy.default", "baselineadminnetworkpolicy"),
        ("ossg.default.group", "default"),
        ("security.block", "security"),
        ("default.a.b", "default"),
        ("bare", "default"),
    ],
)
def test_the_tier_that_a_stored_name_stands_for(name: str, tier: str) -> None:
    assert tier_of_name(name) == tier


@pytest.mark.parametrize(
    ("namespace", "pod", "prefix", "interface"),
    [
        # libcalico-go/lib/backend/k8s/conversion/conversion_test.go, …/resources/workloadendpoint_test.go
        ("namespace", "podname", "eni", "eni82111e10a96"),
        ("default", "podA", "cali", "cali7f94ce7c295"),
        ("default", "podB", "cali", "cali92cf1f5e9f6"),
        ("testNamespace", "simplePod", "cali", "caliedff4356bd6"),
        ("testNamespace", "simplePod2", "cali", "cali4274eb44391"),
        ("testNamespace", "termPod", "cali", "calidfce31fd9be"),
        ("testNamespace", "termPod2", "cali", "cali9591578421e"),
        # computed
        ("kube-system", "coredns-5d78c9869d-abcde", "cali", "cali4d5f75c480c"),
        ("shop", "web-7d4b9c6f5d-x2x8k", "cali", "calid4242b28b9e"),
        ("default", "web-0", "cali", "cali0d7763386da"),
    ],
)
def test_interface_names_of_pods(namespace: str, pod: str, prefix: str, interface: str) -> None:
    assert veth_name(namespace, pod, prefix) == interface


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("cali-th-eth0", HostEndpointChain("eth0", Direction.EGRESS, forwarded=False)),
        ("cali-fh-bond0.12", HostEndpointChain("bond0.12", Direction.INGRESS, forwarded=False)),
        ("cali-thfw-eth0", HostEndpointChain("eth0", Direction.EGRESS, forwarded=True)),
        ("cali-fhfw-fw-0", HostEndpointChain("fw-0", Direction.INGRESS, forwarded=True)),
        ("cali-th-any-interface-at-all", HostEndpointChain("*", Direction.EGRESS, forwarded=False)),
        ("cali-fh-any-interface-at-all", HostEndpointChain("*", Direction.INGRESS, forwarded=False)),
        ("cali-fhfw-_Nqh4HyA73udmyanQI", HostEndpointChain("*", Direction.INGRESS, forwarded=True)),
        ("cali-thfw-_Nqh4HyA73udmyanQI", HostEndpointChain("*", Direction.EGRESS, forwarded=True)),
        ("cali-thfw-any-interface-at-all", HostEndpointChain("*", Direction.EGRESS, forwarded=True)),  # native nftables
        ("cali-tw-cali0d7763386da", None),
        ("cali-to-host-endpoint", None),
        ("cali-from-hep-forward", None),
    ],
)
def test_chains_of_host_endpoints_tell_interface_direction_and_kind_of_traffic(
    chain: str, expected: HostEndpointChain | None
) -> None:
    assert host_endpoint_chain(chain) == expected
