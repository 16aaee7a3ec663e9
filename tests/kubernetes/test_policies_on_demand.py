"""Policies are listed and watched only while a scan needs their kind, and only what names need is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Policy, PolicyKind
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.decode import Decoder
from otel_calico.datastores.etcd.etcd_list_watch import EtcdListWatch
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.kubernetes_list_watch import KubernetesListWatch
from otel_calico.datastores.list_watch import ListWatch
from otel_calico.datastores.watched_datastore import WatchedDatastore
from otel_calico.datastores.watched_kinds import PolicyWatch, WatchedKinds
from tests.datastores.cluster import endpoint, endpoint_key, policy
from tests.datastores.watching import NODE, QUICK, connected
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import CLIENT, Follow
from tests.kubernetes.objects import calico, changed, kubernetes_policy, pod
from tests.node.etcd import Etcd
from tests.node.programs import wait_until

NP, KNP = PolicyKind.NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY
CALICO, KUBERNETES = "networkpolicies.crd.projectcalico.org", "networkpolicies.networking.k8s.io"
ALLOW_WEB = "cali-pi-_Hs_N3uwH_2l4fuHH0LQ"


def resources(api: ApiServer, verb: str) -> set[str]:
    return {one.resource for one in api.asked if one.verb == verb}


def test_where_nothing_is_needed_there_is_one_watch(api: ApiServer, follow: Follow) -> None:
    datastore = follow(api.url, Lookups(), policies=PolicyWatch.AUTO)
    connected(datastore)
    datastore.need(set())
    assert resources(api, "watch") == {"pods"}
    assert resources(api, "list") == {"pods", "clusterinformations.crd.projectcalico.org"}
    assert datastore.status().in_sync
    assert list(datastore.status().kinds) == ["pods", "clusterinformations"]
    assert list(datastore.status().unwatched_by_reason.values()) == [
        [
            *("kubernetesnetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies"),
            *("clusternetworkpolicies", "networkpolicies", "globalnetworkpolicies"),
        ],
        ["hostendpoints"],
    ]


def test_a_needed_kind_is_watched_and_the_others_are_not(api: ApiServer, follow: Follow) -> None:
    lookups = Lookups()
    api.store.put(calico("NetworkPolicy", "default.allow-web", "shop"), kubernetes_policy("allow-web"))
    datastore = follow(api.url, lookups, policies=PolicyWatch.AUTO)
    for _ in range(3):
        datastore.need({NP})
    assert not datastore.status().in_sync
    wait_until(lambda: lookups.policy(ALLOW_WEB, IdScheme.NAME) is not None, "the policy")
    connected(datastore)
    assert resources(api, "watch") == {"pods", CALICO}
    assert len(api.requests("list", CALICO)) == 1
    api.store.put(calico("NetworkPolicy", "default.late", "shop"))
    wait_until(lambda: len(lookups.held("networkpolicies")) == 2, "a change")


def test_a_needed_kind_is_listed_without_the_delay_of_a_start(api: ApiServer, follow: Follow) -> None:
    datastore = follow(api.url, Lookups(), policies=PolicyWatch.AUTO, backoff=Backoff(spread=10_000))
    datastore.need({NP})
    wait_until(lambda: api.requests("list", CALICO), "the list")
    assert not api.requests("list", "pods")


def test_never_asks_for_no_policies(api: ApiServer, follow: Follow) -> None:
    datastore = follow(api.url, Lookups(), policies=PolicyWatch.NEVER)
    datastore.need(set(PolicyKind))
    connected(datastore)
    assert resources(api, "watch") == {"pods"}
    assert KUBERNETES not in resources(api, "list")


def test_of_policies_with_a_tier_by_kind_only_metadata_is_sent(api: ApiServer, follow: Follow) -> None:
    rules = [{"from": [{"ipBlock": {"cidr": f"10.0.{n}.0/24"}} for n in range(200)]}]
    large = [changed(kubernetes_policy(f"p{n}"), spec={"ingress": rules}) for n in range(50)]
    api.store.put(*large)
    lookups = Lookups()
    datastore = follow(api.url, lookups, policies=PolicyWatch.AUTO)
    connected(datastore)
    datastore.need({KNP})
    wait_until(lambda: len(lookups.held("kubernetesnetworkpolicies")) == 50, "the policies")
    connected(datastore)
    for one in large:
        api.store.put(changed(one, spec={"podSelector": {}}))
    api.store.put(changed(kubernetes_policy("last"), spec={"ingress": rules}))
    api.store.delete(large[0])
    expected = {"shop/last", *(f"shop/p{n}" for n in range(1, 50))}
    wait_until(lambda: set(lookups.held("kubernetesnetworkpolicies")) == expected, "the changes")
    assert api.sent < 102 * 300  # one policy alone has 8,000 bytes


def of_api(api: ApiServer) -> ListWatch:
    api.store.put(pod("web"), calico("NetworkPolicy", "default.allow-web", "shop"))
    return KubernetesListWatch(ApiAccess(api.url), CLIENT, NODE)


def of_etcd(etcd: Etcd) -> ListWatch:
    etcd.put(endpoint_key("web"), endpoint("web", "cali1"))
    etcd.put("networkpolicies/shop/default.allow-web", policy("NetworkPolicy", "default.allow-web", "shop"))
    return EtcdListWatch(etcd.access)


@contextmanager
def on_demand(list_watch: ListWatch, workloads: str, lookups: Lookups) -> Iterator[WatchedDatastore]:
    """A datastore that ends a watch at the first scan that does not need it."""
    kinds = WatchedKinds([workloads], ["networkpolicies"], PolicyWatch.AUTO, keep_unneeded=0)
    datastore = WatchedDatastore(list_watch, kinds, Decoder(NODE), lookups, QUICK)
    datastore.start()
    try:
        yield datastore
    finally:
        datastore.stop()


@pytest.mark.parametrize(("server", "workloads"), [("api", "pods"), ("etcd", "workloadendpoints")])
def test_a_kind_comes_and_goes_and_the_other_watch_stays(
    server: str, workloads: str, request: pytest.FixtureRequest
) -> None:
    lookups, running = Lookups(), request.getfixturevalue(server)
    list_watch = of_api(running) if server == "api" else of_etcd(running)
    allow_web = Policy(NP, "shop", "default.allow-web")
    with on_demand(list_watch, workloads, lookups) as datastore:

        def found() -> bool:
            datastore.need({NP})  # as scans do: a need that comes before the former watch has ended has no effect
            return lookups.policy(ALLOW_WEB, IdScheme.NAME) == allow_web

        connected(datastore)
        for _ in range(2):
            wait_until(found, "the policy")
            connected(datastore)
            datastore.need(set())
            assert list(datastore.status().kinds) == [workloads]
            wait_until(lambda: not lookups.held("networkpolicies"), "no policy is kept")
            wait_until(lambda: lookups.policy(ALLOW_WEB, IdScheme.NAME) is None, "no policy is found")
        status = datastore.status().kinds[workloads]
        assert (status.connected, status.held, status.errors, status.reconnects) == (True, 1, 0, 0)
