"""Canonical policy names: one per policy, on every Calico version and from every place that tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.calico.chains import IdScheme, policy_id
from otel_calico.calico.model import Policy, PolicyKind
from otel_calico.calico.policy_names import (
    PolicyName,
    ProgrammedName,
    canonical,
    from_comment,
    from_id,
    from_nflog_prefix,
    from_policy,
)
from otel_calico.metrics import POLICY_PACKETS
from otel_calico.snapshot import Snapshot
from tests import felix
from tests.attribution.node import WEB, ScannedNode
from tests.felix import Era, Node, allow, render
from tests.felix.example import INTERFACE

NP, GNP, KNP = PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
ANP, BANP = PolicyKind.ADMIN_NETWORK_POLICY, PolicyKind.BASELINE_ADMIN_NETWORK_POLICY
KCNP = PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (Policy(KNP, "shop", "allow-web"), "shop/knp.default.allow-web"),
        (Policy(KNP, "shop", "knp.default.allow-web"), "shop/knp.default.allow-web"),
        (Policy(NP, "shop", "knp.default.allow-web"), "shop/knp.default.allow-web"),
        (Policy(KNP, "shop", "a.b.c"), "shop/knp.default.a.b.c"),
        (Policy(NP, "shop", "default.allow"), "shop/default.allow"),
        (Policy(NP, "shop", "allow"), "shop/default.allow"),
        (Policy(NP, "shop", "a.b"), "shop/default.a.b"),
        (Policy(NP, "shop", "security.allow", tier="security"), "shop/security.allow"),
        (Policy(NP, "shop", "allow", tier="security"), "shop/security.allow"),
        (Policy(NP, "shop", "ossg.4711"), "shop/ossg.4711"),
        (Policy(GNP, "", "default.block"), "default.block"),
        (Policy(GNP, "", "block"), "default.block"),
        (Policy(GNP, "", "security.block", tier="security"), "security.block"),
        (Policy(ANP, "", "pass-dns", tier="adminnetworkpolicy"), "kanp.adminnetworkpolicy.pass-dns"),
        (Policy(BANP, "", "default", tier="baselineadminnetworkpolicy"),
         "kbanp.baselineadminnetworkpolicy.default"),
        (Policy(KCNP, "", "cluster-deny", tier="kube-admin"), "kcnp.kube-admin.cluster-deny"),
        (Policy(KCNP, "", "cluster-deny", tier="kube-baseline"), "kcnp.kube-baseline.cluster-deny"),
    ],
)  # fmt: skip
def test_a_policy_of_the_datastore_has_its_canonical_name(policy: Policy, name: str) -> None:
    assert canonical(from_policy(policy)).name == name


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("Policy default.block-9090 ingress", PolicyName("default.block-9090", GNP, "", "default")),
        ("Policy shop/default.allow egress", PolicyName("shop/default.allow", NP, "shop", "default")),
        ("Policy shop/knp.default.web ingress", PolicyName("shop/knp.default.web", KNP, "shop", "default")),
        ("Policy shop/security.a.b ingress", PolicyName("shop/security.a.b", NP, "shop", "security")),
        ("Policy kanp.adminnetworkpolicy.dns ingress",
         PolicyName("kanp.adminnetworkpolicy.dns", ANP, "", "adminnetworkpolicy")),
        ("Policy kbanp.baselineadminnetworkpolicy.default egress",
         PolicyName("kbanp.baselineadminnetworkpolicy.default", BANP, "", "baselineadminnetworkpolicy")),
        ("GlobalNetworkPolicy block-9090 ingress", PolicyName("default.block-9090", GNP, "", "default")),
        ("NetworkPolicy shop/allow egress", PolicyName("shop/default.allow", NP, "shop", "default")),
        ("NetworkPolicy shop/default.allow egress", PolicyName("shop/default.allow", NP, "shop", "default")),
        ("KubernetesNetworkPolicy shop/web ingress", PolicyName("shop/knp.default.web", KNP, "shop", "default")),
    ],
)  # fmt: skip
def test_a_naming_comment_of_any_release_tells_the_canonical_name(comment: str, name: PolicyName) -> None:
    programmed = from_comment(comment)
    assert programmed
    assert canonical(programmed) == name


def test_the_tier_of_the_endpoint_chain_goes_before_what_names_suggest() -> None:
    for comment, name in {
        "GlobalNetworkPolicy block ingress": "security.block",
        "GlobalNetworkPolicy security.block ingress": "security.block",
        "NetworkPolicy shop/a.b ingress": "shop/security.a.b",
        "KubernetesClusterNetworkPolicy deny ingress": "kcnp.security.deny",
    }.items():
        programmed = from_comment(comment)
        assert programmed
        assert canonical(programmed, "security").name == name


@pytest.mark.parametrize(
    "comment",
    ["", "Policy", "Profile kns.default ingress", "owner=team-a", "Start of tier default", "Policy a b ingress",
     "Policy a/b/c ingress", "Policy default.a", "UnknownKind a ingress", "xPolicy default.a ingress",
     "Return if policy accepted"],
)  # fmt: skip
def test_other_comments_name_no_policy(comment: str) -> None:
    assert from_comment(comment) is None


@pytest.mark.parametrize(
    ("prefix", "scheme", "name"),
    [
        ("API0|default/knp.default.allow-web", IdScheme.TIER_NAME, "default/knp.default.allow-web"),
        ("DPE12|security.block", IdScheme.TIER_NAME, "security.block"),
        ("PPI3|gnp/block", IdScheme.KIND_NAME, "default.block"),
        ("API0|np/namespace1/default.policy", IdScheme.KIND_NAME, "namespace1/default.policy"),
        ("API0|knp/shop/web", IdScheme.KIND_NAME, "shop/knp.default.web"),
    ],
)
def test_an_nflog_prefix_tells_the_canonical_name(prefix: str, scheme: IdScheme, name: str) -> None:
    programmed = from_nflog_prefix(prefix, scheme)
    assert programmed
    assert canonical(programmed).name == name


@pytest.mark.parametrize("scheme", [IdScheme.TIER_NAME, IdScheme.KIND_NAME])
@pytest.mark.parametrize(
    "prefix",
    ["DPI|default", "PPE|security", "DRI", "ARI0|kns.default", "calico-packet: ", "",
     "DPE1|quite_nnW4FYptgISH4G3jdI6KJWVcEx19s0BDp2On0wVAY_olicy-name"],
)  # fmt: skip
def test_nflog_prefixes_of_tiers_profiles_and_hashed_ones_name_no_policy(prefix: str, scheme: IdScheme) -> None:
    assert from_nflog_prefix(prefix, scheme) is None


@pytest.mark.parametrize(
    ("ident", "scheme", "programmed"),
    [
        ("default.allow-dns", IdScheme.NAME, ProgrammedName("", "default.allow-dns")),
        ("default/default.foo", IdScheme.NAME, ProgrammedName("default", "default.foo")),
        ("t1/t1.a", IdScheme.TIER_NAME, ProgrammedName("", "t1.a", tier="t1")),
        ("default/ns/knp.default.a", IdScheme.TIER_NAME, ProgrammedName("ns", "knp.default.a", tier="default")),
        ("gnp/policy-1", IdScheme.KIND_NAME, ProgrammedName("", "policy-1", GNP)),
        ("knp/default/foo", IdScheme.KIND_NAME, ProgrammedName("default", "foo", KNP)),
        ("kcnp/a", IdScheme.KIND_NAME, ProgrammedName("", "a", KCNP)),
        ("", IdScheme.NAME, None),
        ("a/b/c", IdScheme.NAME, None),
        ("default", IdScheme.TIER_NAME, None),
        ("default/a/b/c", IdScheme.TIER_NAME, None),
        ("default//a", IdScheme.TIER_NAME, None),
        ("xyz/a", IdScheme.KIND_NAME, None),
        ("gnp", IdScheme.KIND_NAME, None),
    ],
)
def test_an_unhashed_id_is_read_under_its_scheme(
    ident: str, scheme: IdScheme, programmed: ProgrammedName | None
) -> None:
    assert from_id(ident, scheme) == programmed


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,6})?", fullmatch=True)
tiers = st.sampled_from(["default", "security", "a1"])


@st.composite
def policies(draw: st.DrawFn) -> tuple[str, felix.Policy]:
    """A policy as v3.32 holds it after migration, and its canonical name."""
    kind, name, namespace = draw(st.sampled_from([NP, GNP, KNP])), draw(names), draw(names)
    tier = "default" if kind is KNP else draw(tiers)
    if kind is KNP:
        return f"{namespace}/knp.default.{name}", felix.Policy(kind, name, namespace, ingress=(allow(),))
    if kind is NP:
        return f"{namespace}/{tier}.{name}", felix.Policy(kind, name, namespace, tier, ingress=(allow(),))
    return f"{tier}.{name}", felix.Policy(kind, name, "", tier, ingress=(allow(),))


def stored(policy: felix.Policy, era: Era, *, migrated: bool) -> felix.Policy:
    """The policy as the datastore of an era holds it: Calico's kinds with their tier in the name up to v3.31."""
    if policy.kind is KNP or (era >= Era.E and migrated):
        return policy
    return replace(policy, name=f"{policy.tier}.{policy.name}")


def reported_names(snapshot: Snapshot) -> set[str]:
    return {
        labels["calico.policy.name"]
        for readings in snapshot.readings
        if readings.series.metric is POLICY_PACKETS
        for labels in readings.series.labels
    }


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(named=policies(), migrated=st.booleans(), flow_logs=st.booleans())
def test_a_policy_has_one_name_in_every_era(
    *, named: tuple[str, felix.Policy], migrated: bool, flow_logs: bool
) -> None:
    name, policy = named
    for era in Era:
        if policy.tier != "default" and era < Era.C:
            continue
        programmed = stored(policy, era, migrated=migrated)
        # A name with its own tier in front is told from one that was not migrated by nothing.
        if era >= Era.E and programmed.name.startswith(f"{policy.tier}.") and migrated:
            continue
        node = ScannedNode(WEB)
        node.put(programmed.resource)
        described = Node(era, (felix.Endpoint(INTERFACE, (programmed,)),), flow_logs=flow_logs and era >= Era.D)
        assert reported_names(node.scan(render(described).dump())) == {name}, era


@settings(max_examples=100, deadline=None)
@given(policies(), st.sampled_from(IdScheme))
def test_ids_are_read_back(named: tuple[str, felix.Policy], scheme: IdScheme) -> None:
    name, policy = named
    era = Era.E if scheme is IdScheme.KIND_NAME else Era.C
    resource = stored(policy, era, migrated=True).resource

    programmed = from_id(policy_id(resource, scheme), scheme)

    assert programmed
    assert canonical(programmed, policy.tier).name == name or resource.stored_name.startswith(f"{policy.tier}.")
