"""What the product says of every recording is what was sent: each family against the recording's truth."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.recordings import RECORDINGS, Recording
from tests.recordings.gained import (
    Table,
    accepted_by_accountant,
    denied_by_accountant,
    dropped,
    dropped_by_accountant,
    policies,
    rules,
    workloads,
)

GROUP = ("shop/knp.default.allow-web-metrics", "shop/knp.default.allow-web")
"""Policies with one selector. Two dumps cannot tell apart what the members of their group accepted."""

GROUPS_SINCE = (3, 28)
"""Releases since then write groups (`felix/rules/endpoints.go`)."""

NOT_TOLD_YET = {
    "profile strict",
    "unknown_interface",
    "policy default.host-untracked (table raw)",
    "policy default.host-prednat (table mangle)",
}
"""Reasons of drops in the truth that no series tells."""

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=str)


def part(table: Mapping[str, int], *ends: str) -> Table:
    """The entries of workloads whose key ends so."""
    return Table({key: packets for key, packets in table.items() if key.endswith(ends) and not key.startswith("host")})


def with_group(recording: Recording, table: Mapping[str, int]) -> Table:
    """The entries of the group and of its members added up, where it is a group."""
    found = Table()
    for key, packets in table.items():
        who, direction, policy, verdict = key.split("|")
        grouped = recording.version >= GROUPS_SINCE and set(policy.split(",")) <= set(GROUP)
        found["|".join((who, direction, ",".join(GROUP) if grouped else policy, verdict))] += packets
    return found


@every_recording
def test_policies_decided_what_was_sent(recording: Recording) -> None:
    assert policies(recording) == recording.truth.policies


@every_recording
def test_rules_of_a_policy_decided_together_what_was_sent(recording: Recording) -> None:
    assert rules(recording) == recording.truth.policies


@every_recording
def test_policies_decided_at_each_workload_what_was_sent(recording: Recording) -> None:
    told, sent = workloads(recording), recording.truth.workloads
    assert with_group(recording, told) == with_group(recording, sent)
    assert {key: packets for key, packets in told.items() if "," not in key and packets > sent.get(key, 0)} == {}


@every_recording
def test_what_was_dropped_is_told_with_its_reason(recording: Recording) -> None:
    sent = recording.truth.dropped
    told = {key: packets for key, packets in sent.items() if key.split("|")[2] not in NOT_TOLD_YET}
    assert dropped(recording) == told


@every_recording
def test_family_accountant_says_the_same_of_pods(recording: Recording) -> None:
    sent = with_group(recording, recording.truth.workloads)
    assert with_group(recording, accepted_by_accountant(recording)) == part(sent, "|allow")
    assert denied_by_accountant(recording) == part(sent, "|deny")
    ends = {key: packets for key, packets in recording.truth.dropped.items() if "|end_of_tier " in key}
    assert dropped_by_accountant(recording) == part(ends, "")
