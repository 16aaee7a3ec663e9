"""What an API server does on bad days, and what is in the lookups afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.kubernetes.api_client import ClientLimits
from otel_calico.datastores.kubernetes.kubernetes_datastore import KubernetesDatastore
from otel_calico.datastores.status import KindStatus
from tests.datastores.watching import connected
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.objects import calico, pod
from tests.node.programs import wait_until

POLICIES = "globalnetworkpolicies.crd.projectcalico.org"


def watched(datastore: KubernetesDatastore) -> list[KindStatus]:
    """All kinds but the one that is only listed from time to time."""
    return [kind for name, kind in datastore.status().kinds.items() if name != "clusterinformations"]


def policies(count: int, prefix: str = "t") -> list[dict[str, object]]:
    return [calico("GlobalNetworkPolicy", f"{prefix}{number}") for number in range(count)]


def wait_for(lookups: Lookups, names: Sequence[str]) -> None:
    wait_until(lambda: set(lookups.held("globalnetworkpolicies")) == set(names), f"policies {names}")


def test_long_lists_come_in_pages_as_of_one_revision(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.behaviour.cache_ignores_limit = False
    api.store.put(*policies(1200))
    connected(follow(api.url, lookups))
    assert len(lookups.held("globalnetworkpolicies")) == 1200
    pages = [dict(one.parameters) for one in api.requests("list", POLICIES)]
    assert pages == [
        {"limit": "500", "resourceVersion": "0"},
        {"limit": "500", "continue": "1300.500"},
        {"limit": "500", "continue": "1300.1000"},
    ]
    assert api.requests("watch", POLICIES)[0].parameters["resourceVersion"] == "1300"


def test_a_list_from_the_cache_is_taken_in_one_piece(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.store.put(*policies(1200))
    connected(follow(api.url, lookups))
    assert len(lookups.held("globalnetworkpolicies")) == 1200
    assert len(api.requests("list", POLICIES)) == 1


def test_a_page_that_expired_means_to_begin_anew(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.behaviour.cache_ignores_limit = False
    api.behaviour.refuse_continue = 2
    api.store.put(*policies(600))
    datastore = follow(api.url, lookups)
    connected(datastore)
    assert len(lookups.held("globalnetworkpolicies")) == 600
    assert [one.status for one in api.requests("list", POLICIES)] == [200, 410, 200, 410, 200, 200]
    assert datastore.status().kinds["globalnetworkpolicies"].errors == 0


def test_a_watch_that_ended_in_order_resumes_after_the_last_bookmark(
    api: ApiServer, lookups: Lookups, follow: Follow
) -> None:
    api.behaviour.bookmark_every = 0.05
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.store.put(*(pod(f"p{n}") for n in range(20)))  # of another kind, so that only bookmarks tell policies of them
    time.sleep(0.15)
    api.store.compact()
    api.end_streams(POLICIES, whole=True)
    wait_until(lambda: len(api.requests("watch", POLICIES)) == 2, "the second watch")
    assert api.requests("watch", POLICIES)[1].parameters["resourceVersion"] == "120"
    assert len(api.requests("list", POLICIES)) == 1
    assert datastore.status().kinds["globalnetworkpolicies"].errors == 0


@pytest.mark.parametrize("as_status", [False, True], ids=["as an event", "as a status"])
def test_a_watch_from_a_forgotten_revision_lists_again(api: ApiServer, follow: Follow, *, as_status: bool) -> None:
    lookups = Lookups()
    api.behaviour.gone_as_status = as_status
    api.store.put(*policies(3))
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.stop()
    wait_until(lambda: not datastore.status().kinds["globalnetworkpolicies"].connected, "the loss is noticed")
    api.store.delete(calico("GlobalNetworkPolicy", "t0"))
    api.store.put(calico("GlobalNetworkPolicy", "new"))
    api.store.compact()
    assert set(lookups.held("globalnetworkpolicies")) == {"t0", "t1", "t2"}  # the cache is kept
    api.start()
    wait_for(lookups, ["t1", "t2", "new"])
    connected(datastore)
    asked = [one for one in api.asked if one.resource == POLICIES]
    assert [one.verb for one in asked] == ["list", "watch", "watch", "list", "watch"]
    assert asked[3].parameters == {"resourceVersion": "103"}  # from the cache, not older than what was seen


def test_an_api_server_that_went_back_in_time_is_listed_afresh(
    api: ApiServer, lookups: Lookups, follow: Follow
) -> None:
    api.store.put(*policies(5))
    connected(follow(api.url, lookups))
    api.stop()
    api.store.revision = 50  # restored from a backup
    api.store.delete(calico("GlobalNetworkPolicy", "t0"))
    api.store.compacted = 200
    api.start()
    wait_until(lambda: api.requests("list", POLICIES)[-1].status == 504, "a list not older than 105", 20)
    wait_for(lookups, ["t1", "t2", "t3", "t4"])


def test_a_stream_cut_inside_a_line_resumes_where_it_was(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    datastore = follow(api.url, lookups)
    connected(datastore)
    event = json.dumps({"type": "ADDED", "object": calico("GlobalNetworkPolicy", "half")}).encode()
    api.store.put(calico("GlobalNetworkPolicy", "before"))
    wait_for(lookups, ["before"])
    for whole in (False, True):
        api.end_streams(POLICIES, event[:-20], whole=whole)
        api.store.put(calico("GlobalNetworkPolicy", f"after-{whole}"))
        wait_until(lambda whole=whole: f"after-{whole}" in lookups.held("globalnetworkpolicies"), "what came meanwhile")  # type: ignore[misc]
    assert set(lookups.held("globalnetworkpolicies")) == {"before", "after-False", "after-True"}
    assert len(api.requests("list", POLICIES)) == 1
    assert datastore.status().kinds["globalnetworkpolicies"].errors == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is away"}}\n',
            "the API server ended the watch (500): etcd is away",
        ),
        (b'{"type":"ADDED"}\n', "the API server sent a watch event that cannot be read: "),
        (b"<html>gateway</html>\n", "the API server sent a watch event that cannot be read: "),
    ],
)
def test_an_error_in_the_stream_is_told_and_survived(api: ApiServer, follow: Follow, words: bytes, error: str) -> None:
    lookups = Lookups()
    datastore = follow(api.url, lookups, backoff=Backoff(minimum=0.3, maximum=0.3))
    connected(datastore)
    api.end_streams(POLICIES, words, whole=True)
    wait_until(lambda: datastore.status().kinds["globalnetworkpolicies"].last_error.startswith(error), error)
    api.store.put(calico("GlobalNetworkPolicy", "after"))
    wait_for(lookups, ["after"])
    wait_until(lambda: datastore.status().kinds["globalnetworkpolicies"].last_error == "", "all is well again")


def test_the_cache_outlives_the_server_and_catches_up(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.store.put(*policies(2))
    datastore = follow(api.url, lookups)
    connected(datastore)
    api.stop()
    refused = f"{api.url}: connection refused: is the API server there, and is the port right?"
    wait_until(lambda: {kind.last_error for kind in watched(datastore)} == {refused}, "the outage shows")
    assert datastore.status().in_sync
    assert len(lookups.held("globalnetworkpolicies")) == 2
    api.store.put(calico("GlobalNetworkPolicy", "meanwhile"))
    api.start()
    wait_for(lookups, ["t0", "t1", "meanwhile"])
    connected(datastore)
    assert {kind.reconnects for kind in watched(datastore)} == {1}


@pytest.mark.slow
def test_throttling_is_waited_out(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.behaviour.throttled, api.behaviour.retry_after = 9, "1"
    began = time.monotonic()
    datastore = follow(api.url, lookups)
    wait_until(lambda: datastore.status().in_sync, "in sync in spite of 429")
    assert time.monotonic() - began >= 1
    assert {kind.errors for kind in datastore.status().kinds.values()} == {0}
    assert [one.status for one in api.asked].count(429) == 9


def test_throttling_without_end_is_an_error(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.behaviour.throttled, api.behaviour.retry_after = 10**6, "0"
    datastore = follow(api.url, lookups)
    wait_until(lambda: datastore.status().kinds["pods"].errors > 0, "an error", 20)
    assert datastore.status().kinds["pods"].last_error == (
        f"{api.url}: the API server is overloaded and refuses to list pods (429); retrying"
    )


@pytest.mark.slow
def test_a_slow_server_is_waited_for_but_not_forever(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    api.behaviour.delay = 0.4
    patient = follow(api.url, Lookups())
    hasty = follow(api.url, lookups, limits=ClientLimits(timeout=0.2, queries_per_second=0))
    wait_until(lambda: patient.status().in_sync, "in sync")
    assert {kind.errors for kind in patient.status().kinds.values()} == {0}
    wait_until(lambda: "no answer in time" in hasty.status().kinds["pods"].last_error, "a time limit")


def test_stopping_does_not_wait_for_a_server_that_says_nothing(
    api: ApiServer, lookups: Lookups, follow: Follow
) -> None:
    api.behaviour.delay = 30
    datastore = follow(api.url, lookups, limits=ClientLimits(timeout=30, queries_per_second=0))
    wait_until(lambda: not api.asked, "requests are under way")
    time.sleep(0.2)
    began = time.monotonic()
    datastore.stop()
    assert time.monotonic() - began < 0.5


@pytest.mark.slow
def test_nodes_that_start_at_once_spread_their_lists(api: ApiServer, follow: Follow) -> None:
    began = time.monotonic()
    for _ in range(5):
        follow(api.url, Lookups(), backoff=Backoff(minimum=0.05, maximum=0.2, spread=1))
    wait_until(lambda: len(api.requests("list", "pods")) == 5, "all have listed")
    assert time.monotonic() - began > 0.1  # all five within 0.1 s by chance: once in 100,000 runs


@pytest.mark.slow
def test_requests_keep_to_the_rate(api: ApiServer, lookups: Lookups, follow: Follow) -> None:
    """8 lists, 1 to 3 looks for the group, 7 watches: 6 come at once, at least 10 at 20 a second."""
    began = time.monotonic()
    datastore = follow(api.url, lookups, limits=ClientLimits(queries_per_second=20, burst=6))
    connected(datastore)
    assert 0.4 < time.monotonic() - began < 2
