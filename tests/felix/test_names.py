"""Names that Felix gives chains, groups and flow logs, against literals of Felix's tests and of real nodes."""

from __future__ import annotations

import pytest

from otel_calico.calico.chains import chain_name, policy_id, veth_name
from otel_calico.calico.model import Direction, PolicyKind
from tests.felix import Era, Marks, Policy, Profile
from tests.felix.groups import PolicyGroup
from tests.felix.nflog import shortened
from tests.felix.policy_chains import policy_chain_name, profile_chain_name

GNP, NP = PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.NETWORK_POLICY
KNP, KCNP = PolicyKind.KUBERNETES_NETWORK_POLICY, PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY
ANP, BANP = PolicyKind.ADMIN_NETWORK_POLICY, PolicyKind.BASELINE_ADMIN_NETWORK_POLICY


@pytest.mark.parametrize(
    ("era", "policy", "ident", "suffix"),
    [
        (Era.A2, Policy(GNP, "default.allow-dns"), "default.allow-dns", "default.allow-dns"),
        (Era.A2, Policy(NP, "default.foo", "default"), "default/default.foo", "default/default.foo"),
        (
            Era.A2,
            Policy(GNP, "long-policy-name-that-gets-hashed"),
            "long-policy-name-that-gets-hashed",
            "_ffOMcf6pikpiZ6hgKcW",
        ),
        (Era.A2, Policy(KNP, "foo", "default"), "default/knp.default.foo", "_ye-Z83fcSj35vkNHhEv"),
        (
            Era.A2,
            Policy(KNP, "allow-frontend", "default"),
            "default/knp.default.allow-frontend",
            "_8i9kLEmjC1-ICmKuK4a",
        ),
        (
            Era.A2,
            Policy(GNP, "default.allow-cluster-internal-ingress"),
            "default.allow-cluster-internal-ingress",
            "_ah0GM-kbnbn6BWnHC7j",
        ),
        (
            Era.A2,
            Policy(NP, "default.allow-prometheus", "monitoring"),
            "monitoring/default.allow-prometheus",
            "__3-L2W5PK6phI0hNZB4",
        ),
        (Era.D, Policy(GNP, "t1.a", tier="t1"), "t1/t1.a", "t1/t1.a"),
        (Era.D, Policy(GNP, "default.dns"), "default/default.dns", "default/default.dns"),
        (Era.D, Policy(GNP, "default.policy-1"), "default/default.policy-1", "_l_CMLPBmpkyZIIwB62k"),
        (Era.D, Policy(KNP, "foo", "default"), "default/default/knp.default.foo", "_9tjSCz6Yv0P45r-9ylU"),
        (Era.D, Policy(NP, "default.foo", "default"), "default/default/default.foo", "_z7xoIjNr3UYzlqszrHj"),
        (
            Era.D,
            Policy(KNP, "allow-apiserver", "calico-system"),
            "default/calico-system/knp.default.allow-apiserver",
            "_RPHPUh868v26JJg7645",
        ),
        (
            Era.D,
            Policy(KNP, "whisker", "calico-system"),
            "default/calico-system/knp.default.whisker",
            "_YYnSgB46MA1TYU44kJq",
        ),
        (
            Era.D,
            Policy(GNP, "security.block-bad", tier="security"),
            "security/security.block-bad",
            "_FN3MX65F7Y7Bvr0h6JV",
        ),
        (
            Era.D,
            Policy(ANP, "pass-dns", tier="adminnetworkpolicy"),
            "adminnetworkpolicy/kanp.adminnetworkpolicy.pass-dns",
            "_XXaJsXTXFVGCBHaiCXf",
        ),
        (
            Era.D,
            Policy(BANP, "default", tier="baselineadminnetworkpolicy"),
            "baselineadminnetworkpolicy/kbanp.baselineadminnetworkpolicy.default",
            "_Bmx5rU_QtHBNk46xFZL",
        ),
        (Era.E, Policy(GNP, "policy-1"), "gnp/policy-1", "gnp/policy-1"),
        (
            Era.E,
            Policy(GNP, "long-policy-name-that-gets-hashed"),
            "gnp/long-policy-name-that-gets-hashed",
            "_PymyFHQQg3808jiz1OJ",
        ),
        (Era.E, Policy(KNP, "foo", "default"), "knp/default/foo", "knp/default/foo"),
        (Era.E, Policy(KNP, "deny-from-other-ns", "team-b"), "knp/team-b/deny-from-other-ns", "_qA9lGysOzwIsyVf0V23"),
        (Era.E, Policy(KNP, "allow-frontend", "default"), "knp/default/allow-frontend", "_FJ7pway3mX3ogPCfFDC"),
        (Era.E, Policy(NP, "foo", "default"), "np/default/foo", "np/default/foo"),
        (Era.E, Policy(NP, "default.foo", "default"), "np/default/default.foo", "_kqoeN6Z7AHVWsiBmNgW"),
        (Era.E, Policy(KCNP, "cluster-default-deny"), "kcnp/cluster-default-deny", "_VIosPj0G4UUqruEKlmI"),
    ],
)
def test_a_policy_chain_is_named_after_the_id_of_its_era(era: Era, policy: Policy, ident: str, suffix: str) -> None:
    assert policy_id(policy.resource, era.id_scheme) == ident
    assert policy_chain_name(policy, Direction.INGRESS, era) == f"cali-pi-{suffix}"
    assert policy_chain_name(policy, Direction.EGRESS, era) == f"cali-po-{suffix}"


def test_an_empty_tier_still_leaves_its_slash_in_the_hashed_id() -> None:
    assert chain_name("cali-pi-", "/long-policy-name-that-gets-hashed") == "cali-pi-_FJ9yUkNpzshVDh2n7mg"


@pytest.mark.parametrize(
    ("name", "chain"),
    [
        ("kns.default", "cali-pri-kns.default"),
        ("ksa.kube-system.coredns", "cali-pri-_u2Tn2rSoAPffvE7JO6"),
        ("kns.calico-apiserver", "cali-pri-_kJqfZpgUe7r2t4A-14"),
        ("projectcalico-default-allow", "cali-pri-_TI1Jm4dJqQzYb0Rx3u"),
    ],
)
def test_a_profile_chain_is_named_after_the_profile(name: str, chain: str) -> None:
    assert profile_chain_name(Profile(name), Direction.INGRESS) == chain
    assert profile_chain_name(Profile(name), Direction.EGRESS)[:9] == "cali-pro-"


@pytest.mark.parametrize(
    ("era", "ingress", "egress"),
    [
        (Era.B, "cali-gi-ZZgZYy8We8QxgNbLQBC-", "cali-go-trfOE3T1UWPRmeQ46Kin"),
        (Era.D, "cali-gi-ZZgZYy8We8QxgNbLQBC-", "cali-go-trfOE3T1UWPRmeQ46Kin"),
        (Era.E, "cali-gi-7RL2M9iHVt2YGBec4fFE", "cali-go-kLIHCPzGtrCP7xPejbgb"),
    ],
)
def test_a_group_chain_is_named_after_its_selector_and_members(era: Era, ingress: str, egress: str) -> None:
    selector = '(projectcalico.org/orchestrator == "k8s" && projectcalico.org/namespace == "default")'
    members = tuple(Policy(KNP, name, "default", selector=selector) for name in ("bar", "foo"))
    assert PolicyGroup("default", Direction.INGRESS, members).chain_name(era) == ingress
    assert PolicyGroup("default", Direction.EGRESS, members).chain_name(era) == egress


def test_a_pods_interface_is_named_after_its_namespace_and_name() -> None:
    assert veth_name("default", "web-0") == "cali0d7763386da"


def test_a_long_flow_log_prefix_keeps_its_ends() -> None:
    long = "DPE1|quite-a-long-namespace/quite-a-long-tier-name.quite-a-long-policy-name"
    assert shortened(long) == "DPE1|quite_nnW4FYptgISH4G3jdI6KJWVcEx19s0BDp2On0wVAY_olicy-name"
    assert shortened("API0|default/knp.default.allow-web") == "API0|default/knp.default.allow-web"


def test_mark_bits_are_taken_from_the_lowest_bit_of_the_mask() -> None:
    assert Marks.allocate(Era.C) == Marks(0x10000, 0x20000, 0, 0x40000, 0x80000)
    assert Marks.allocate(Era.D) == Marks(0x10000, 0x20000, 0x40000, 0x80000, 0x100000)
    assert Marks.allocate(Era.A2, 0xFF000000) == Marks(0x1000000, 0x2000000, 0, 0x4000000, 0x8000000)
    with pytest.raises(ValueError, match="has 4 bits, Felix needs 5"):
        Marks.allocate(Era.E, 0xF0000)
