"""One end, however the changes came: in order, listed anew or after the stream broke."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_calico.calico.chains import POLICY_PREFIXES, IdScheme, chain_name, policy_id
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Policy, PolicyKind
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.decode import Decoder
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_resources import KUBERNETES_KINDS, KUBERNETES_POLICY_KINDS, api_resource
from otel_calico.datastores.kubernetes.kubernetes_datastore import KubernetesDatastore
from tests.datastores.watching import NODE
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import CLIENT
from tests.kubernetes.objects import (
    Object,
    calico,
    changed,
    cluster_information,
    cluster_policy,
    kubernetes_policy,
    pod,
)
from tests.kubernetes.store import key_of, resource_of
from tests.node.programs import wait_until

INGRESS = POLICY_PREFIXES[Direction.INGRESS]

UNIVERSE: list[Object] = [
    *(pod(f"web-{n}", ip=f"10.0.0.{n}") for n in range(3)),
    changed(pod("web-0", ip="10.0.0.9"), metadata={"labels": {"app": "other"}}),
    changed(pod("web-1"), status={"phase": "Succeeded"}),
    changed(pod("web-2"), spec={"nodeName": "node-2"}),
    changed(pod("web-2"), spec={"hostNetwork": "nonsense"}),
    kubernetes_policy("a"),
    kubernetes_policy("b"),
    calico("NetworkPolicy", "default.a", "shop", order=1),
    calico("NetworkPolicy", "default.a", "shop", order=2),
    calico("GlobalNetworkPolicy", "security.b", tier="security"),
    calico("GlobalNetworkPolicy", "security"),
    calico("GlobalNetworkPolicy", "security"),
    cluster_policy("AdminNetworkPolicy", "guard", priority=1),
    cluster_policy("ClusterNetworkPolicy", "guard", tier="Admin"),
    cluster_policy("ClusterNetworkPolicy", "guard", tier="Other"),
    cluster_information("v3.29.1"),
    cluster_information("v3.32.1"),
]
RESOURCES = sorted({resource_of(one) for one in UNIVERSE})

steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(UNIVERSE)),
    st.tuples(st.just("put"), st.sampled_from(UNIVERSE)),
    st.tuples(st.just("delete"), st.sampled_from(UNIVERSE)),
    st.tuples(st.sampled_from(["end", "cut", "garbage", "error"]), st.sampled_from(RESOURCES)),
    st.tuples(st.sampled_from(["compact", "restart", "throttle", "expire"]), st.none()),
)


@pytest.mark.slow
@given(
    before=st.lists(st.sampled_from(UNIVERSE), max_size=6), changes=st.lists(steps, max_size=25), pages=st.booleans()
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_way_of_changes_ends_in_the_same_lookups(
    *, before: list[Object], changes: list[tuple[str, Any]], pages: bool
) -> None:
    with ApiServer() as api:
        api.behaviour.cache_ignores_limit = not pages
        api.behaviour.retry_after = "0"
        api.behaviour.bookmark_every = 0.01
        api.store.put(*before)
        lookups = Lookups()
        backoff = Backoff(minimum=0.005, maximum=0.02)
        datastore = KubernetesDatastore(
            ApiAccess(api.url), NODE, "cali", lookups, limits=CLIENT, backoff=backoff, relist_interval=0.05
        )
        datastore.start()
        try:
            for what, about in changes:
                take(api, what, about)
            wait_until(lambda: seen(lookups) == seen(reference(api)), "the lookups of the last state")
        finally:
            datastore.stop()


def take(api: ApiServer, what: str, about: Any) -> None:
    event = json.dumps({"type": "ADDED", "object": calico("GlobalNetworkPolicy", "never")}).encode()
    if what == "put":
        api.store.put(about)
    elif what == "delete":
        api.store.delete(about)
    elif what == "compact":
        api.store.compact()
    elif what == "restart":
        api.stop()
        api.start()
    elif what == "throttle":
        api.behaviour.throttled += 2
    elif what == "expire":
        api.behaviour.refuse_continue += 1
    elif what == "error":
        api.end_streams(about, b'{"type":"ERROR","object":{"code":410,"message":"too old"}}\n', whole=True)
    else:
        last_words = {"end": b"", "cut": event[:40], "garbage": b"<html>\n"}[what]
        api.end_streams(about, last_words, whole=what != "cut")


def reference(api: ApiServer) -> Lookups:
    """The last state, decoded in one go."""
    lookups = Lookups()
    for kind in (*KUBERNETES_KINDS, *KUBERNETES_POLICY_KINDS):
        _, objects = api.store.listed(str(api_resource(kind, native=False)))
        decoded = {}
        for one in objects:
            text = json.dumps(one).encode()
            if "nonsense" not in text.decode() and (found := Decoder(NODE).decode(kind, key_of(one), text)):
                decoded[key_of(one)] = found
        lookups.replace(kind, decoded)
    return lookups


def seen(lookups: Lookups) -> Any:
    """All that scans could ask for."""
    everything = [
        Policy(kind, namespace, name)
        for kind in PolicyKind
        for namespace, name in [("shop", "a"), ("shop", "b"), ("shop", "default.a"), ("", "security.b"), ("", "guard")]
    ]
    policies = {
        (policy, scheme): lookups.policy(chain_name(INGRESS, policy_id(policy, scheme)), scheme)
        for policy in everything
        for scheme in IdScheme
    }
    endpoints = {name: lookups.endpoint(name) for name in lookups.interfaces()}
    return endpoints, policies, lookups.held("clusterinformations")
