"""The literals of Calico's own tests, through the whole path: object in the API → lookup by interface or chain."""

from __future__ import annotations

import pytest

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.config import load
from otel_calico.service.wiring import build_datastore
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.objects import Object, calico, cluster_policy, kubernetes_policy, pod
from tests.kubernetes.store import key_of, resource_of
from tests.node.programs import wait_until

A, B, C = IdScheme.NAME, IdScheme.TIER_NAME, IdScheme.KIND_NAME
LONG = "long-policy-name-that-gets-hashed"

PODS = {
    ("default", "podA"): "cali7f94ce7c295",
    ("default", "podB"): "cali92cf1f5e9f6",
    ("testNamespace", "simplePod"): "caliedff4356bd6",
    ("testNamespace", "simplePod2"): "cali4274eb44391",
    ("testNamespace", "termPod"): "calidfce31fd9be",
    ("testNamespace", "termPod2"): "cali9591578421e",
    ("kube-system", "coredns-5d78c9869d-abcde"): "cali4d5f75c480c",
    ("shop", "web-7d4b9c6f5d-x2x8k"): "calid4242b28b9e",
}
POLICIES: list[tuple[IdScheme, str, Object]] = [
    (A, "_ffOMcf6pikpiZ6hgKcW", calico("GlobalNetworkPolicy", LONG)),
    (A, "_Hs_N3uwH_2l4fuHH0LQ", calico("NetworkPolicy", "default.allow-web", "shop")),
    (A, "default.deny-all", calico("GlobalNetworkPolicy", "default.deny-all")),
    (A, "default.xdp-filter", calico("GlobalNetworkPolicy", "default.xdp-filter")),
    (A, "_ye-Z83fcSj35vkNHhEv", kubernetes_policy("foo", "default")),
    (A, "_bcoXpM4qG_3GX7j3jC1", kubernetes_policy("allow-web")),
    (B, "_l_CMLPBmpkyZIIwB62k", calico("GlobalNetworkPolicy", "default.policy-1")),
    (B, "default/default.xdpf", calico("GlobalNetworkPolicy", "default.xdpf")),
    (B, "_Wnek3fb74yqWDiVSXjK", calico("NetworkPolicy", "default.allow-web", "shop")),
    (B, "_MK5Xm3rf2cTNiXwA93X", kubernetes_policy("allow-web")),
    (B, "_rRvJ5MlQ4EKf_9WPWxZ", calico("GlobalNetworkPolicy", "default.deny-all")),
    (B, "_FN3MX65F7Y7Bvr0h6JV", calico("GlobalNetworkPolicy", "security.block-bad", tier="security")),
    (B, "_MA1oSxdcIwnFWx0j3Z4", cluster_policy("AdminNetworkPolicy", "cluster-guard")),
    (B, "_Bmx5rU_QtHBNk46xFZL", cluster_policy("BaselineAdminNetworkPolicy", "default")),
    (C, "_PymyFHQQg3808jiz1OJ", calico("GlobalNetworkPolicy", LONG)),
    (C, "gnp/policy-1", calico("GlobalNetworkPolicy", "policy-1")),
    (C, "np/shop/allow-web", calico("NetworkPolicy", "allow-web", "shop")),
    (C, "knp/shop/allow-web", kubernetes_policy("allow-web")),
    (C, "_FJ7pway3mX3ogPCfFDC", kubernetes_policy("allow-frontend", "default")),
    (C, "_cIsgqKoIC0Rj9xMb85G", calico("NetworkPolicy", "default.allow-web", "shop")),
    (C, "_VIosPj0G4UUqruEKlmI", cluster_policy("ClusterNetworkPolicy", "cluster-default-deny", tier="Baseline")),
]


@pytest.mark.parametrize("watched", [False, True], ids=["listed", "watched"])
def test_interfaces_and_chains_are_those_of_calico(api: ApiServer, follow: Follow, *, watched: bool) -> None:
    lookups = Lookups()
    objects = [pod(name, namespace=namespace) for namespace, name in PODS]
    objects += [policy for _, _, policy in POLICIES]
    if watched:
        datastore = follow(api.url, lookups)
        wait_until(lambda: all(kind.connected for kind in datastore.status().kinds.values()), "all kinds are watched")
        api.store.put(*objects)
    else:
        api.store.put(*objects)
        datastore = follow(api.url, lookups)
    count = len({(resource_of(one), key_of(one)) for one in objects})
    wait_until(lambda: sum(kind.held for kind in datastore.status().kinds.values()) == count, f"{count} objects")
    found = {(one.namespace, one.pod): name for name in lookups.interfaces() if (one := lookups.endpoint(name))}
    assert found == PODS
    for scheme, suffix, expected in POLICIES:
        for prefix in ("cali-pi-", "cali-po-"):
            policy = lookups.policy(prefix + suffix, scheme)
            assert policy is not None, (scheme, suffix)
            metadata = expected["metadata"]
            assert (policy.namespace, policy.stored_name) == (metadata.get("namespace", ""), metadata["name"])


@pytest.mark.slow
def test_the_prefix_of_another_cni(api: ApiServer, lookups: Lookups) -> None:
    api.store.put(pod("podname", namespace="namespace"))
    environ = {"K8S_API_ENDPOINT": api.url, "NODENAME": "node-1", "FELIX_INTERFACEPREFIX": "eni,veth,foo"}
    datastore = build_datastore(load(environ), lookups)
    datastore.start()
    try:
        wait_until(lambda: lookups.interfaces() == ("eni82111e10a96",), "the interface of Calico's own test")
    finally:
        datastore.stop()
