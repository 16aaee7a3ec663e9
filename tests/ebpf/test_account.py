"""Series of recorded nodes say what was counted by hand, from state to state, and nothing that is not proven."""

from __future__ import annotations

from collections import Counter

import pytest

from otel_calico.metrics import (
    NO_POLICY_DROP,
    NODE_DROPPED,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_LAST_HIT,
    POLICY_PACKETS,
    RULE,
    WORKLOAD_ACCEPTED,
    WORKLOAD_DROPPED,
)
from tests.ebpf.shown import Watched, before, lookups_of, nonzero, of, read
from tests.recordings.ebpf_states import RELEASES, RecordedState, states

COUNTED_BY_HAND = states("1-before", "3-edit-before")
RULE_PACKETS, _ = RULE
DROPPED_PACKETS, _ = WORKLOAD_DROPPED
NODE_PACKETS, _ = NODE_DROPPED
CANONICAL = {
    "db-only": "default.db-only",
    "security.base": "security.base",
    "soft.watch": "soft.watch",
    "shop/guard": "shop/default.guard",
    "shop/knp.default.allow-web": "shop/knp.default.allow-web",
    "shop/knp.default.allow-web-metrics": "shop/knp.default.allow-web-metrics",
}


def from_nothing(state: RecordedState) -> Watched:
    """The account of a node that was looked at before its first packet, and after its last."""
    found = read(state)
    return Watched(lookups_of(state)).look(before(found)).look(found)


@pytest.mark.parametrize("state", COUNTED_BY_HAND, ids=str)
def test_policies_and_rules_counted_what_was_counted_by_hand(state: RecordedState) -> None:
    watched = from_nothing(state)
    policies: Counter[tuple[str, str, str]] = Counter()
    rules: Counter[tuple[str, str, str, str]] = Counter()
    for row in state.json("expected.json")["rules"]:
        if row["owner"] == "policy":
            key = CANONICAL[row["name"]], row["direction"], row["action"]
            policies[key] += row["packets"]
            rules[*key, str(row["index"])] += row["packets"]
    names = ("calico.policy.name", "calico.direction", "calico.verdict")
    shown = {
        tuple(map(dict(labels).__getitem__, names)): value
        for labels, value in nonzero(watched.shown(POLICY_PACKETS)).items()
    }
    assert shown == policies
    shown_rules = {
        tuple(map(dict(labels).__getitem__, (*names, "calico.rule.index"))): value
        for labels, value in nonzero(watched.shown(RULE_PACKETS)).items()
    }
    assert shown_rules == rules


@pytest.mark.parametrize("state", COUNTED_BY_HAND, ids=str)
def test_workloads_accepted_and_dropped_what_was_counted_by_hand(state: RecordedState) -> None:
    watched = from_nothing(state)
    accepted: dict[object, int] = {}
    dropped: dict[object, int] = {}
    for pod, ways in state.json("expected.json")["interfaces (accepted, dropped by policy)"].items():
        namespace, _, name = pod.partition("/")
        for direction, numbers in ways.items():
            way = {"k8s__namespace__name": namespace, "k8s__pod__name": name, "calico__direction": direction}
            accepted[of(**way)], dropped[of(**way, reason="policy")] = numbers
    assert watched.shown(WORKLOAD_ACCEPTED) == accepted
    assert watched.shown(DROPPED_PACKETS) == dropped


@pytest.mark.parametrize("state", COUNTED_BY_HAND, ids=str)
def test_ends_of_tiers_are_told_where_they_have_ids(state: RecordedState) -> None:
    rows = state.json("expected.json")["rules"]
    expected = {
        of(reason="end_of_tier", calico__tier=row["tier"], calico__direction=row["direction"]): row["packets"]
        for row in rows
        if row["owner"] == "end" and row["action"] == "deny"
    } | {of(reason="no_profile"): row["packets"] for row in rows if row["owner"] == "noprofile"}
    shown = from_nothing(state).shown(NODE_PACKETS)
    assert shown == (expected if state.release == "v3.32.1" else {})


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_a_workload_s_own_numbers_are_those_that_are_proven(state: RecordedState) -> None:
    watched = from_nothing(state)
    web0 = {"app": "web-0", "ip": "", "pod": "web-0", "pod_namespace": "shop"}
    web1 = {"app": "web-1", "ip": "", "pod": "web-1", "pod_namespace": "shop"}
    db = {"app": "db-0", "ip": "", "pod": "db-0", "pod_namespace": "shop"}
    # From the database only the end of one tier drops, and one policy accepts.
    assert watched.shown(NO_POLICY_DROP) == {of(**db, type="fw"): 9}
    accepts = {of(**db, type=way, policy="default.db-only"): value for way, value in (("fw", 1), ("tw", 5))}
    assert watched.shown(POLICY_ACCEPT) == accepts
    # Only the database has that policy; both web pods have the others.
    assert watched.shown(POLICY_ACCEPT_DROP) == {of(**db, type="tw", policy="default.db-only"): 2}
    assert not [labels for pod in (web0, web1) for labels in watched.shown(POLICY_ACCEPT) if set(pod.items()) < labels]


@pytest.mark.parametrize("release", RELEASES)
def test_from_before_an_edit_to_after_it_each_policy_gains_what_was_sent(release: str) -> None:
    former, latter = RecordedState(release, "3-edit-before"), RecordedState(release, "4-edit-after")
    watched = Watched(lookups_of(former)).look(read(former)).look(read(latter))
    gained = {
        (dict(labels)["calico.policy.name"], dict(labels)["calico.direction"], dict(labels)["calico.verdict"]): value
        for labels, value in nonzero(watched.shown(POLICY_PACKETS)).items()
    }
    # The traffic of before once more: what guard denied is denied by no rule now, db-only allows what it denied, and
    # security.base passes by a rule that stands one place further on.
    assert gained == {
        ("security.base", "ingress", "deny"): 3,
        ("security.base", "ingress", "pass"): 22,
        ("soft.watch", "ingress", "deny"): 1,
        ("shop/knp.default.allow-web", "ingress", "allow"): 11,
        ("shop/knp.default.allow-web-metrics", "ingress", "allow"): 4,
        ("default.db-only", "ingress", "allow"): 7,
        ("default.db-only", "egress", "allow"): 1,
    }


@pytest.mark.parametrize("release", RELEASES)
def test_a_rule_that_took_another_s_place_is_not_given_what_that_one_counted(release: str) -> None:
    former, latter = RecordedState(release, "3-edit-before"), RecordedState(release, "4-edit-after")
    watched = Watched(lookups_of(former)).look(read(former)).look(read(latter))
    rules = {
        (dict(labels)["calico.policy.name"], dict(labels)["calico.rule.index"]): value
        for labels, value in nonzero(watched.shown(RULE_PACKETS)).items()
    }
    assert ("security.base", "0") in rules
    assert ("security.base", "2") not in rules
    assert ("shop/knp.default.allow-web-metrics", "1") not in rules


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_falls_over_edits_and_restarts(release: str) -> None:
    course = [state for state in states("1-before", "3-edit-before", "4-edit-after") if state.release == release]
    watched = Watched(lookups_of(course[0])).look(before(read(course[0])))
    former = watched.counters()
    for state in course:
        now = watched.look(read(state)).counters()
        assert all(now[key] >= value for key, value in former.items() if key in now)
        former = now


@pytest.mark.parametrize("release", RELEASES)
def test_after_felix_restarts_its_entries_count_in_full(release: str) -> None:
    former, latter = RecordedState(release, "4-edit-after"), RecordedState(release, "5-after-restart")
    watched = Watched(lookups_of(former)).look(read(former)).look(read(latter))
    gained = {
        (dict(labels)["calico.policy.name"], dict(labels)["calico.verdict"]): value
        for labels, value in nonzero(watched.shown(POLICY_PACKETS)).items()
    }
    assert gained == {("security.base", "pass"): 2, ("shop/knp.default.allow-web", "allow"): 2}


def test_with_flow_logs_the_debug_files_tell_the_ids() -> None:
    state = RecordedState("v3.32.1", "6-flow-logs")
    watched = from_nothing(state)
    assert watched.account.unknown_ids == 0
    assert sum(watched.shown(POLICY_PACKETS).values()) > 0


@pytest.mark.parametrize("state", states(), ids=str)
def test_no_id_that_counted_is_unknown(state: RecordedState) -> None:
    assert from_nothing(state).account.unknown_ids == 0


@pytest.mark.parametrize("state", states(), ids=str)
def test_the_first_look_is_history(state: RecordedState) -> None:
    watched = Watched(lookups_of(state)).look(read(state))
    assert not any(watched.counters().values())
    assert not any(watched.shown(POLICY_LAST_HIT).values())


def test_a_host_endpoint_s_drops_are_its_interface_s() -> None:
    state = RecordedState("v3.32.1", "7-host-endpoint")
    shown = nonzero(from_nothing(state).shown(DROPPED_PACKETS))
    eth0 = {"network__interface__name": "eth0", "calico__direction": "ingress", "reason": "policy"}
    # To port 2001 3 (end of tier), 4000 2 (preDNAT), 3000 4 (forwarded); to 5000 3 before all other (doNotTrack).
    assert shown[of(**eth0)] == 9
    assert shown[of(**eth0, calico__host_endpoint__traffic="untracked")] == 3
    policies = {dict(labels)["calico.policy.name"] for labels in from_nothing(state).shown(POLICY_PACKETS)}
    assert policies >= {"default.hep-pre", "default.hep-fwd", "default.hep-normal"}
    assert "default.hep-raw" not in policies  # nothing counts its rules


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_what_did_not_change_is_the_same_object(state: RecordedState) -> None:
    found = read(state)
    watched = Watched(lookups_of(state)).look(before(found)).look(found)
    former = watched.readings
    again = watched.look(read(state)).readings
    assert list(map(id, former)) == list(map(id, again))
