"""Which kinds are watched: workloads always, policies as the setting says and as scans need them."""

from __future__ import annotations

import pytest

from otel_calico.calico.model import PolicyKind
from otel_calico.datastores.watched_kinds import KEEP_UNNEEDED, PolicyWatch, WatchedKinds

NP, GNP = PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY
POLICIES = ("networkpolicies", "globalnetworkpolicies")
NAMED = "not needed to name the chains of this node"


def kinds(mode: PolicyWatch, *, host_endpoints: bool = True) -> WatchedKinds:
    return WatchedKinds(["workloadendpoints"], POLICIES, mode, host_endpoints=host_endpoints)


def test_a_needed_kind_is_watched_until_it_was_not_needed_for_a_while() -> None:
    watched = kinds(PolicyWatch.AUTO)
    assert (watched.now, watched.unwatched) == (["workloadendpoints", "hostendpoints"], dict.fromkeys(POLICIES, NAMED))
    watched.need({GNP, PolicyKind.ADMIN_NETWORK_POLICY}, 1000)
    assert watched.now == ["workloadendpoints", "globalnetworkpolicies", "hostendpoints"]
    assert watched.unwatched == {"networkpolicies": NAMED}
    watched.need({NP}, 1000 + KEEP_UNNEEDED)
    assert watched.now == ["workloadendpoints", *POLICIES, "hostendpoints"]
    watched.need(set(), 1001 + KEEP_UNNEEDED)
    assert watched.now == ["workloadendpoints", "networkpolicies", "hostendpoints"]


@pytest.mark.parametrize(
    ("mode", "now", "unwatched"),
    [
        (PolicyWatch.ALWAYS, ["workloadendpoints", *POLICIES], {}),
        (PolicyWatch.NEVER, ["workloadendpoints"], dict.fromkeys(POLICIES, "datastore.policies is never")),
    ],
)
def test_always_and_never_do_not_depend_on_needs(mode: PolicyWatch, now: list[str], unwatched: dict[str, str]) -> None:
    watched = kinds(mode, host_endpoints=False)
    for needed in (set(), {NP}, set()):
        watched.need(needed, 1000)
        assert watched.now == now
        assert watched.unwatched == {**unwatched, "hostendpoints": "needed for the metrics family workload only"}
