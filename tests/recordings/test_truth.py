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
    sent_drops,
    with_groups,
    workloads,
)

GROUP = {"shop/knp.default.allow-web-metrics", "shop/knp.default.allow-web"}
"""The group whose accepted packets two dumps cannot tell apart."""

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=str)


def part(table: Mapping[str, int], *ends: str) -> Table:
    """The entries of workloads whose key ends so."""
    return Table({key: packets for key, packets in table.items() if key.endswith(ends) and not key.startswith("host")})


@every_recording
def test_policies_decided_what_was_sent(recording: Recording) -> None:
    assert policies(recording) == recording.truth.policies


@every_recording
def test_rules_of_a_policy_decided_together_what_was_sent(recording: Recording) -> None:
    assert rules(recording) == recording.truth.policies


@every_recording
def test_policies_decided_at_each_workload_what_was_sent(recording: Recording) -> None:
    told, sent = workloads(recording), recording.truth.workloads
    assert with_groups(told, told) == with_groups(sent, told)
    assert {key: packets for key, packets in told.items() if "," not in key and packets > sent.get(key, 0)} == {}
    assert all(set(key.split("|")[2].split(",")) == GROUP for key in told if "," in key)


@every_recording
def test_what_was_dropped_is_told_with_its_reason(recording: Recording) -> None:
    assert dropped(recording) == sent_drops(recording)


@every_recording
def test_family_accountant_says_the_same_of_pods(recording: Recording) -> None:
    accepted = accepted_by_accountant(recording)
    sent = with_groups(recording.truth.workloads, accepted)
    assert accepted == part(sent, "|allow")
    assert denied_by_accountant(recording) == part(sent, "|deny")
    ends = {key: packets for key, packets in recording.truth.dropped.items() if "|end_of_tier " in key}
    assert dropped_by_accountant(recording) == part(ends, "")
