"""What the Kubernetes API holds is looked up, and stays so."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from structlog.testing import capture_logs

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import ClusterInformation, HostEndpoint, Policy, PolicyKind, WorkloadEndpoint
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.kubernetes_datastore import KubernetesDatastore
from otel_calico.datastores.status import KindStatus
from tests.datastores.watching import connected
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.objects import (
    NATIVE,
    calico,
    changed,
    cluster_information,
    cluster_policy,
    kubernetes_policy,
    pod,
)
from tests.node.programs import wait_until

LABELS = {"app": "web", "projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s"}
WEB = WorkloadEndpoint("calid4242b28b9e", "shop", "web-7d4b9c6f5d-x2x8k", ("10.0.0.7",), LABELS)


def test_what_the_cluster_holds_is_looked_up(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.store.put(
        pod(WEB.pod),
        pod("far", node="node-2"),
        changed(pod("broken"), spec={"hostNetwork": "maybe"}),
        changed(pod("host"), spec={"hostNetwork": True}),
        kubernetes_policy("allow-web"),
        calico("NetworkPolicy", "default.allow-web", "shop", order=100),
        calico("GlobalNetworkPolicy", "security.block", tier="security"),
        cluster_information("v3.29.1"),
        cluster_policy("AdminNetworkPolicy", "cluster-guard", priority=7),
        cluster_policy("BaselineAdminNetworkPolicy", "default"),
        cluster_policy("ClusterNetworkPolicy", "guard", tier="Admin", priority=3),
        cluster_policy("ClusterNetworkPolicy", "ignored", tier="Other"),
    )
    datastore = follow(api.url, lookups)
    connected(datastore)

    assert {name: lookups.endpoint(name) for name in lookups.interfaces()} == {WEB.interface: WEB}
    admin = Policy(PolicyKind.ADMIN_NETWORK_POLICY, "", "cluster-guard", "adminnetworkpolicy")
    chains = {
        (IdScheme.NAME, "_bcoXpM4qG_3GX7j3jC1"): Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "shop", "allow-web"),
        (IdScheme.NAME, "_Hs_N3uwH_2l4fuHH0LQ"): Policy(PolicyKind.NETWORK_POLICY, "shop", "default.allow-web"),
        (IdScheme.NAME, "security.block"): Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "security.block", "security"),
        (IdScheme.TIER_NAME, "_MA1oSxdcIwnFWx0j3Z4"): admin,
        (IdScheme.KIND_NAME, "kcnp/guard"): Policy(
            PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY, "", "guard", "kube-admin"
        ),
    }
    assert {(scheme, suffix): lookups.policy(f"cali-po-{suffix}", scheme) for scheme, suffix in chains} == chains
    assert lookups.held("clusterinformations") == {"default": ClusterInformation("v3.29.1")}
    one = KindStatus(in_sync=True, connected=True, held=1)
    expected = dict.fromkeys(datastore.status().kinds, one)
    expected["pods"] = KindStatus(in_sync=True, connected=True, held=1, decode_failures=1)
    assert datastore.status().kinds == expected
    assert datastore.status().unready_reasons == ()


@pytest.mark.parametrize("group", ["crd.projectcalico.org/v1", NATIVE])
def test_host_endpoints_of_this_node_are_looked_up_where_they_are_asked_for(
    api: ApiServer, lookups: Lookups, follow: Follow, group: str
) -> None:
    api.behaviour.groups = {group.partition("/")[0]}
    api.store.put(
        calico("HostEndpoint", "uplink", group=group, node="node-1", interfaceName="eth0"),
        calico("HostEndpoint", "far", group=group, node="node-2", interfaceName="eth0"),
    )
    connected(follow(api.url, Lookups()))
    assert "hostendpoints" not in {one.resource.partition(".")[0] for one in api.asked}
    connected(follow(api.url, lookups, host_endpoints=True))
    assert lookups.host_endpoint("eth0") == HostEndpoint("uplink", "node-1", "eth0")
    api.store.delete(calico("HostEndpoint", "uplink", group=group))
    wait_until(lambda: lookups.host_endpoint("eth0") is None, "it is gone")


def test_changes_arrive_within_50_ms(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    connected(follow(api.url, lookups))
    delays = []
    for number in range(10):
        api.store.put(pod(WEB.pod, ip=f"10.0.0.{number}"))
        stored = time.monotonic()
        wait_until(partial(_has_address, lookups, f"10.0.0.{number}"), "the change")
        delays.append(time.monotonic() - stored)
    assert sorted(delays)[5] < 0.05
    api.store.put(changed(pod(WEB.pod), status={"phase": "Succeeded"}))
    wait_until(lambda: lookups.interfaces() == (), "a finished pod is gone")
    api.store.put(pod(WEB.pod))
    wait_until(lambda: lookups.endpoint(WEB.interface) == WEB, "it is back")
    api.store.delete(pod(WEB.pod))
    wait_until(lambda: lookups.interfaces() == (), "a deleted pod is gone")


def _has_address(lookups: Lookups, address: str) -> bool:
    found = lookups.endpoint(WEB.interface)
    return found is not None and found.addresses == (address,)


def test_only_pods_of_this_node_are_asked_for(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    unbound = changed(pod("new"), spec={"nodeName": None})
    api.store.put(unbound, pod("far", node="node-2"))
    connected(follow(api.url, lookups))
    selection = {(one.verb, one.parameters["fieldSelector"]) for one in api.asked if one.resource == "pods"}
    assert selection == {("list", "spec.nodeName=node-1"), ("watch", "spec.nodeName=node-1")}
    api.store.put(pod("new"))
    wait_until(lambda: len(tuple(lookups.interfaces())) == 1, "a pod bound to this node")


def test_kinds_that_the_cluster_lacks_are_empty_and_asked_for_again(
    api: ApiServer, lookups: Lookups, follow: Follow
) -> None:
    api.behaviour.groups = {"networking.k8s.io"}
    api.store.put(calico("GlobalNetworkPolicy", "security"), cluster_policy("AdminNetworkPolicy", "guard"))
    datastore = follow(api.url, lookups, relist_interval=0.3)
    connected(datastore)
    assert lookups.held("globalnetworkpolicies") == {}
    assert {kind.errors for kind in datastore.status().kinds.values()} == {0}
    api.behaviour.groups |= {"crd.projectcalico.org", "policy.networking.k8s.io"}
    wait_until(
        lambda: len(lookups.held("globalnetworkpolicies")) == len(lookups.held("adminnetworkpolicies")) == 1,
        "the kinds that came",
    )


def test_a_kind_that_is_only_listed_from_time_to_time_has_lost_nothing_and_stays_connected(
    api: ApiServer, lookups: Lookups, follow: Follow
) -> None:
    def lists() -> int:
        return sum(one.verb == "list" and one.resource.startswith("clusterinformations") for one in api.asked)

    api.store.put(cluster_information("v3.29.1"))
    with capture_logs() as logs:
        datastore = follow(api.url, lookups, relist_interval=0.05)
        connected(datastore)
        seen = set()
        while lists() < 4:
            seen.add(datastore.status().kinds["clusterinformations"])
    assert seen == {KindStatus(in_sync=True, connected=True, held=1)}
    assert "datastore_history_lost" not in {log["event"] for log in logs}


def test_a_kind_that_goes_is_empty(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.store.put(cluster_policy("AdminNetworkPolicy", "guard"))
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.behaviour.groups.discard("policy.networking.k8s.io")
    api.end_streams("adminnetworkpolicies.policy.networking.k8s.io", whole=True)
    wait_until(lambda: not lookups.held("adminnetworkpolicies"), "a kind without its group")
    assert datastore.status().kinds["adminnetworkpolicies"].errors == 0


@pytest.mark.parametrize("body", [b"404 page not found\n", b"default backend - 404", b'{"message":"no Route matched"}'])
def test_pods_are_never_taken_for_absent_whoever_answers_404(
    api: ApiServer, lookups: Lookups, follow: Follow, body: bytes
) -> None:
    api.store.put(pod("web"))
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.behaviour.absent, api.behaviour.not_found = {"pods"}, body
    api.end_streams("pods", whole=True)
    wait_until(lambda: datastore.status().kinds["pods"].errors > 6, "lists that are refused too")
    status = datastore.status().kinds["pods"]
    assert (len(tuple(lookups.interfaces())), status.connected) == (1, False)
    assert "404" in status.last_error
    api.behaviour.absent = set()
    wait_until(lambda: datastore.status().kinds["pods"].connected, "the API server again")


@pytest.mark.parametrize("body", [b"default backend - 404", b'{"message":"no Route matched"}'])
def test_a_404_that_is_not_the_api_servers_empties_no_kind(
    api: ApiServer, lookups: Lookups, follow: Follow, body: bytes
) -> None:
    resource = "adminnetworkpolicies.policy.networking.k8s.io"
    api.store.put(cluster_policy("AdminNetworkPolicy", "guard"))
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.behaviour.absent, api.behaviour.not_found = {resource}, body
    api.end_streams(resource, whole=True)
    wait_until(lambda: datastore.status().kinds["adminnetworkpolicies"].errors > 6, "lists that are refused too")
    assert len(lookups.held("adminnetworkpolicies")) == 1


@pytest.mark.parametrize(
    ("offered", "setting", "tier"),
    [
        ({"crd.projectcalico.org"}, {}, "crd"),
        ({"projectcalico.org"}, {}, "native"),
        ({"projectcalico.org", "crd.projectcalico.org"}, {}, "crd"),
        ({"projectcalico.org", "crd.projectcalico.org"}, {"native": True}, "native"),
        ({"projectcalico.org"}, {"native": False}, None),
    ],
)
def test_the_group_of_calicos_kinds(
    api: ApiServer, follow: Follow, offered: set[str], setting: dict[str, bool], tier: str | None
) -> None:
    lookups = Lookups()
    api.behaviour.groups = {"networking.k8s.io"} | offered
    api.store.put(calico("GlobalNetworkPolicy", "crd"), calico("GlobalNetworkPolicy", "native", group=NATIVE))
    connected(follow(api.url, lookups, **setting))
    assert set(lookups.held("globalnetworkpolicies")) == ({tier} if tier else set())


def test_pods_follow_the_rules_of_the_clusters_release(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    """A pod being deleted without address annotation is finished on v3.17 to v3.19 only."""
    deleting = changed(pod("web"), metadata={"deletionTimestamp": "2024-05-02T09:11:12Z", "annotations": {}})
    api.store.put(deleting, cluster_information("v3.19.4"))
    connected(follow(api.url, lookups, relist_interval=0.1))
    wait_until(lambda: lookups.interfaces() == (), "the rules of v3.19")
    api.store.put(cluster_information("v3.20.0"))
    wait_until(lambda: len(tuple(lookups.interfaces())) == 1, "the rules of v3.20")


def test_stopping_leaves_no_thread_behind(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    datastore = follow(api.url, lookups)
    connected(datastore)
    began = time.monotonic()
    datastore.stop()
    assert time.monotonic() - began < 0.5
    assert not [one for one in threading.enumerate() if one.name.startswith("datastore-")]


def test_an_access_that_cannot_work_is_refused(lookups: Lookups) -> None:
    with pytest.raises(ValueError, match="no Kubernetes API server is named"):
        KubernetesDatastore(ApiAccess(), "node-1", "cali", lookups)
