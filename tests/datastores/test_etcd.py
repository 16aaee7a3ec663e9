"""The etcd datastore against a real etcd."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Policy, PolicyKind, WorkloadEndpoint
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore
from otel_calico.datastores.etcd.etcd_list_watch import EtcdListWatch
from otel_calico.datastores.list_watch import RelistRequiredError
from otel_calico.datastores.status import KindStatus
from tests.datastores.watching import NODE, connected, in_sync
from tests.node.etcd import Etcd
from tests.node.programs import free_port, wait_until

from .cluster import cluster_information, endpoint, endpoint_key, policy
from .conftest import Follow

pytestmark = pytest.mark.slow

LABELS = {"app": "web", "projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s"}
WEB = WorkloadEndpoint("cali1", "shop", "web-1", ("10.0.0.7",), LABELS)


def _holds(lookups: Lookups, interfaces: tuple[str, ...]) -> bool:
    return tuple(lookups.interfaces()) == interfaces


def test_what_etcd_holds_is_looked_up(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    etcd.put(endpoint_key("far", "node-2"), endpoint("far", "cali2", node="node-2"))
    etcd.put(endpoint_key("broken"), '{"spec": ')
    etcd.put("networkpolicies/shop/default.allow-web", policy("NetworkPolicy", "default.allow-web", "shop", order=100))
    etcd.put("networkpolicies/shop/knp.default.allow-web", policy("NetworkPolicy", "knp.default.allow-web", "shop"))
    etcd.put("globalnetworkpolicies/security.block", policy("GlobalNetworkPolicy", "security.block", tier="security"))
    etcd.put("globalnetworkpolicies/broken", {"spec": {"tier": ["first"]}})
    etcd.put("tiers/security", {"kind": "Tier"})
    etcd.put("clusterinformations/default", cluster_information("v3.29.1"))

    datastore = follow(etcd.access, lookups)
    in_sync(datastore)

    assert {name: lookups.endpoint(name) for name in lookups.interfaces()} == {"cali1": WEB}
    chains = ("cali-pi-_Hs_N3uwH_2l4fuHH0LQ", "cali-po-_bcoXpM4qG_3GX7j3jC1", "cali-pi-security.block")
    assert [lookups.policy(chain, IdScheme.NAME) for chain in chains] == [
        Policy(PolicyKind.NETWORK_POLICY, "shop", "default.allow-web", "default"),
        Policy(PolicyKind.NETWORK_POLICY, "shop", "knp.default.allow-web", "default"),
        Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "security.block", "security"),
    ]
    connected(datastore)
    listed = KindStatus(in_sync=True, connected=True, held=1)
    assert datastore.status().kinds == {
        "workloadendpoints": replace(listed, decode_failures=1),
        "networkpolicies": replace(listed, held=2),
        "globalnetworkpolicies": replace(listed, decode_failures=1),
    }
    assert datastore.status().unready_reasons == ()


def test_changes_arrive_within_50_ms(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    in_sync(follow(etcd.access, lookups))
    delays = []
    for number in range(10):
        etcd.put(endpoint_key("web-1"), endpoint("web-1", f"cali{number}"))
        stored = time.monotonic()
        expected = (f"cali{number}",)
        wait_until(partial(_holds, lookups, expected))
        delays.append(time.monotonic() - stored)
    print(f"event to lookup after the put returned: median {sorted(delays)[5] * 1000:.1f} ms")  # noqa: T201 - a measure for the reader
    assert sorted(delays)[5] < 0.05

    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali9") | {"spec": {"node": NODE}})
    wait_until(lambda: lookups.interfaces() == ())  # it has no addresses any more

    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    wait_until(lambda: lookups.endpoint("cali1") == WEB)
    etcd.put(endpoint_key("web-1"), "nonsense")
    wait_until(lambda: lookups.interfaces() == ())  # what cannot be understood is absent

    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    wait_until(lambda: lookups.endpoint("cali1") == WEB)
    etcd.delete(endpoint_key("web-1"))
    wait_until(lambda: lookups.interfaces() == ())


def test_the_cache_outlives_etcd_and_catches_up(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    etcd.put(endpoint_key("web-2"), endpoint("web-2", "cali2"))
    datastore = follow(etcd.access, lookups)
    connected(datastore)

    etcd.kill()
    wait_until(lambda: all("connection refused" in kind.last_error for kind in datastore.status().kinds.values()))
    lost = datastore.status()
    assert lost.in_sync
    assert {(kind.connected, kind.reconnects) for kind in lost.kinds.values()} == {(False, 0)}
    assert lost.kinds["workloadendpoints"].held == 2
    assert set(lookups.interfaces()) == {"cali1", "cali2"}

    etcd.start()
    etcd.put(endpoint_key("web-3"), endpoint("web-3", "cali3"))
    etcd.delete(endpoint_key("web-1"))
    wait_until(lambda: set(lookups.interfaces()) == {"cali2", "cali3"})
    connected(datastore)
    back = datastore.status().kinds["workloadendpoints"]
    assert (back.reconnects, back.last_error) == (1, "")
    assert back.errors > 0


def test_what_a_compaction_hid_is_found_by_listing_again(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    etcd.put("networkpolicies/shop/default.a", policy("NetworkPolicy", "default.a", "shop"))
    datastore = follow(etcd.access, lookups)
    in_sync(datastore)
    elsewhere = etcd.port

    etcd.kill()
    wait_until(lambda: not any(kind.connected for kind in datastore.status().kinds.values()))
    etcd.port = free_port()  # the datastore must not see what happens now
    etcd.start()
    etcd.delete("networkpolicies/shop/default.a")
    etcd.delete(endpoint_key("web-1"))
    etcd.put(endpoint_key("web-2"), endpoint("web-2", "cali2"))
    etcd.compact(etcd.revision)
    etcd.kill()
    assert tuple(lookups.interfaces()) == ("cali1",)
    etcd.port = elsewhere
    etcd.start()

    wait_until(lambda: tuple(lookups.interfaces()) == ("cali2",))
    wait_until(lambda: not lookups.held("networkpolicies"))


def test_a_watch_from_a_compacted_revision_tells_that_history_is_lost(etcd: Etcd) -> None:
    for number in range(3):
        etcd.put("globalnetworkpolicies/a", policy("GlobalNetworkPolicy", "a", order=number))
    etcd.compact(etcd.revision)
    list_watch = EtcdListWatch(etcd.access)
    try:
        watch = list_watch.watch("globalnetworkpolicies", "1")
        with pytest.raises(RelistRequiredError, match="etcd has compacted its history up to revision 4"):
            list(watch)
        watch.close()
    finally:
        list_watch.close()


def test_a_deletion_that_is_the_last_thing_before_a_compaction_is_not_missed(etcd: Etcd) -> None:
    etcd.put("globalnetworkpolicies/a", policy("GlobalNetworkPolicy", "a"))
    list_watch = EtcdListWatch(etcd.access)
    listing = list_watch.list("globalnetworkpolicies")
    assert [key for key, _ in listing.items] == ["a"]
    etcd.delete("globalnetworkpolicies/a")
    etcd.compact(etcd.revision)
    watch = list_watch.watch("globalnetworkpolicies", listing.revision)
    ending = threading.Timer(2, watch.close)
    ending.start()
    try:
        with pytest.raises(RelistRequiredError):
            list(watch)
    finally:
        ending.cancel()
        watch.close()
        list_watch.close()


def test_an_etcd_that_lost_its_data_is_listed_again(lookups: Lookups, follow: Follow) -> None:
    with Etcd().start() as first:
        for number in range(5):
            first.put(endpoint_key(f"web-{number}"), endpoint(f"web-{number}", f"cali{number}"))
        datastore = follow(first.access, lookups)
        in_sync(datastore)
    second = Etcd()
    second.port = first.port
    with second.start():
        second.put(endpoint_key("web-9"), endpoint("web-9", "cali9"))
        wait_until(lambda: tuple(lookups.interfaces()) == ("cali9",))


def test_a_frozen_etcd_is_waited_for_and_stopping_is_prompt(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    datastore = follow(etcd.access, lookups)
    late = follow(etcd.access, Lookups())
    in_sync(datastore)
    in_sync(late)
    etcd.pause()
    starting = follow(etcd.access, Lookups())  # waits for an answer to its first question
    time.sleep(0.3)
    assert not starting.status().in_sync
    for one in (late, starting):
        began = time.monotonic()
        one.stop()
        assert time.monotonic() - began < 1
    assert lookups.endpoint("cali1") == WEB
    etcd.resume()
    etcd.put(endpoint_key("web-2"), endpoint("web-2", "cali2"))
    wait_until(lambda: set(lookups.interfaces()) == {"cali1", "cali2"})


def test_stopping_leaves_no_thread_behind(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    before = set(threading.enumerate())
    datastore = follow(etcd.access, lookups)
    connected(datastore)
    assert set(threading.enumerate()) > before
    datastore.stop()
    wait_until(lambda: set(threading.enumerate()) <= before, seconds=2)


def test_fifty_thousand_policies_are_in_sync_within_5_s(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put_all(
        {
            f"networkpolicies/ns-{n % 500}/default.policy-{n}": policy(
                "NetworkPolicy", f"default.policy-{n}", f"ns-{n % 500}"
            )
            for n in range(50_000)
        }
    )
    etcd.put_all(
        {
            endpoint_key(f"pod-{n}", node): endpoint(f"pod-{n}", f"cali{n}", node=node)
            for n in range(5000)
            for node in [NODE if n < 110 else f"node-{n % 45 + 2}"]
        }
    )
    lookups.policy("cali-pi-x", IdScheme.TIER_NAME)  # scans have asked before: every policy is hashed while it is read
    began = time.monotonic()
    datastore = follow(etcd.access, lookups)
    wait_until(lambda: datastore.status().in_sync, seconds=30)
    seconds = time.monotonic() - began
    print(f"50,000 policies and 5,000 endpoints in sync after {seconds:.2f} s")  # noqa: T201 - a measure for the reader
    assert {kind: len(lookups.held(kind)) for kind in ("workloadendpoints", "networkpolicies")} == {
        "workloadendpoints": 110,
        "networkpolicies": 50_000,
    }
    assert seconds < 5


def test_settings_that_cannot_work_are_refused(lookups: Lookups) -> None:
    with pytest.raises(ValueError, match="no etcd endpoints given"):
        EtcdDatastore(EtcdAccess(()), NODE, "cali", lookups)
