"""The lookups: which endpoint, which policy, and that no order of writing leaves a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.calico.chains import IdScheme, chain_name, policy_id
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import ClusterInformation, Policy, PolicyKind, Resource, WorkloadEndpoint

KINDS = ("workloadendpoints", "pods", "networkpolicies", "clusterinformations")
KEYS = ("a", "b", "c")
INTERFACES = ("cali1", "cali2")
NAMES = ("default.a", "knp.default.a", "a")

endpoints = st.builds(WorkloadEndpoint, st.sampled_from(INTERFACES), st.just("shop"), st.sampled_from(KEYS))
policies = st.builds(
    Policy,
    st.sampled_from([PolicyKind.NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY]),
    st.just("shop"),
    st.sampled_from(NAMES),
)
resources = {
    "workloadendpoints": endpoints,
    "pods": endpoints,
    "networkpolicies": policies,
    "clusterinformations": st.builds(ClusterInformation, st.sampled_from(["v3.28.0", "v3.32.0"])),
}


def writes_of(kind: str) -> st.SearchStrategy[Any]:
    """A write of one kind: changes of single resources, or a whole listing."""
    keys, values = st.sampled_from(KEYS), resources[kind]
    change = st.dictionaries(keys, st.none() | values, min_size=1, max_size=1)
    listing = st.dictionaries(keys, values, max_size=3)
    return st.tuples(st.just(kind), change, st.none()) | st.tuples(st.just(kind), st.none(), listing)


Write = tuple[str, dict[str, Resource | None] | None, dict[str, Resource] | None]
writes: st.SearchStrategy[list[Write]] = st.lists(st.sampled_from(KINDS).flatmap(writes_of), max_size=30)


def apply(lookups: Lookups, write: Write) -> None:
    kind, change, listing = write
    if listing is not None:
        lookups.replace(kind, listing)
    for key, resource in (change or {}).items():
        if resource is None:
            lookups.remove(kind, key)
        else:
            lookups.put(kind, key, resource)


def built_fresh(history: Sequence[Write]) -> Lookups:
    """Lookups that only ever saw what is held at the end, in the order in which it was written."""
    held: dict[tuple[str, str], Resource] = {}
    for kind, change, listing in history:
        for key in [key for one, key in held if one == kind and listing is not None and key not in listing]:
            del held[kind, key]
        for key, resource in (listing or change or {}).items():
            if resource is None or held.get((kind, key)) != resource:
                held.pop((kind, key), None)
            if resource is not None:
                held.setdefault((kind, key), resource)
    fresh = Lookups()
    for (kind, key), resource in held.items():
        fresh.put(kind, key, resource)
    return fresh


CHAINS = {
    (scheme, chain_name("cali-po-", policy_id(Policy(kind, "shop", name), scheme)))
    for scheme in IdScheme
    for kind in (PolicyKind.NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY)
    for name in NAMES
}


def everything(lookups: Lookups) -> object:
    return (
        {name: lookups.endpoint(name) for name in INTERFACES},
        sorted(lookups.interfaces()),
        {(scheme, chain): lookups.policy(chain, scheme) for scheme, chain in CHAINS},
        {kind: dict(lookups.held(kind)) for kind in KINDS},
    )


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(history=writes, asked_before=st.booleans())
def test_any_history_ends_like_a_fresh_start(*, history: list[Write], asked_before: bool) -> None:
    lookups = Lookups()
    if asked_before:
        everything(lookups)  # scans have asked, so that indexes exist from the start
    for write in history:
        before, version = everything(lookups) if asked_before else None, lookups.version
        apply(lookups, write)
        if asked_before and everything(lookups) != before:
            assert lookups.version > version
    assert everything(lookups) == everything(built_fresh(history))


def test_of_two_endpoints_the_last_written_has_the_interface_until_it_goes() -> None:
    lookups = Lookups()
    old, new = WorkloadEndpoint("cali1", "shop", "old"), WorkloadEndpoint("cali1", "shop", "new")
    lookups.put("workloadendpoints", "old", old)
    lookups.put("workloadendpoints", "new", new)
    assert lookups.endpoint("cali1") == new
    lookups.remove("workloadendpoints", "new")
    assert lookups.endpoint("cali1") == old


def test_an_endpoint_that_moves_leaves_its_old_interface() -> None:
    lookups = Lookups()
    lookups.put("workloadendpoints", "a", WorkloadEndpoint("cali1", "shop", "a"))
    lookups.put("workloadendpoints", "a", WorkloadEndpoint("cali2", "shop", "a"))
    assert list(lookups.interfaces()) == ["cali2"]
    assert lookups.endpoint("cali1") is None


def test_of_two_policies_with_one_chain_the_other_stays_when_one_goes() -> None:
    lookups = Lookups()
    chain = chain_name("cali-pi-", "shop/knp.default.a")
    copy = Policy(PolicyKind.NETWORK_POLICY, "shop", "knp.default.a")
    original = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "shop", "a")
    lookups.put("networkpolicies", "shop/knp.default.a", copy)
    lookups.put("kubernetesnetworkpolicies", "shop/a", original)
    assert lookups.policy(chain, IdScheme.NAME) == original
    lookups.remove("kubernetesnetworkpolicies", "shop/a")
    assert lookups.policy(chain, IdScheme.NAME) == copy


def test_eras_are_not_mixed() -> None:
    lookups = Lookups()
    namespaced = Policy(PolicyKind.NETWORK_POLICY, "default", "default.foo")
    whole_cluster = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "default.foo")
    lookups.put("networkpolicies", "default/default.foo", namespaced)
    lookups.put("globalnetworkpolicies", "default.foo", whole_cluster)
    assert lookups.policy("cali-pi-default/default.foo", IdScheme.NAME) == namespaced
    assert lookups.policy("cali-pi-default/default.foo", IdScheme.TIER_NAME) == whole_cluster
    assert lookups.policy("cali-pi-default/default.foo", IdScheme.KIND_NAME) is None


def test_the_version_stands_still_when_nothing_changes() -> None:
    lookups = Lookups()
    endpoint = WorkloadEndpoint("cali1", "shop", "a")
    lookups.replace("workloadendpoints", {"a": endpoint})
    version = lookups.version
    lookups.replace("workloadendpoints", {"a": endpoint})
    lookups.put("workloadendpoints", "a", endpoint)
    lookups.remove("workloadendpoints", "b")
    assert lookups.version == version
