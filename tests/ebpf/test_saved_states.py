"""A saved state is read whole: counters as the recorder read them, and every id that counted is explained."""

from __future__ import annotations

import pytest

from otel_calico.calico.model import Verdict
from otel_calico.ebpf.match_ids import NO_PROFILE
from otel_calico.ebpf.state import EbpfState
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from otel_calico.sources.ruleset_source import SourceError
from tests.recordings.ebpf_states import RecordedState, states

ALL = states()
HOOKS = {"tc ingress": 0, "tc egress": 1, "xdp": 2}


def read(state: RecordedState) -> EbpfState:
    return EbpfStateDirectory(str(state.path)).read()


@pytest.mark.parametrize("state", ALL, ids=str)
def test_counters_are_those_that_the_recorder_read(state: RecordedState) -> None:
    found = read(state)
    assert found.rules == state.counts_by_id
    (counters,) = found.interfaces.values()
    # The first number goes on while it is recorded.
    summed = {
        (row["ifindex"], HOOKS[row["hook"].lower()]): row["counters"][1:] for row in state.json("counters.summed.json")
    }
    assert {tuple(place): list(numbers[1:]) for place, numbers in counters.items()} == summed


@pytest.mark.parametrize("state", ALL, ids=str)
def test_names_of_interfaces_and_the_room_for_rules_are_told(state: RecordedState) -> None:
    found = read(state)
    gone = {"cali751425ce827"} if state.name in {"5-after-restart", "6-flow-logs"} else set()
    assert set(state.pods) - set(found.names.values()) == gone
    assert found.capacity == 10_000
    assert not found.is_full


@pytest.mark.parametrize("state", ALL, ids=str)
def test_every_debug_file_is_understood(state: RecordedState) -> None:
    programs = read(state).programs
    assert programs.incomplete == 0
    assert programs.of
    assert {program.tells_ends for program in programs.of.values() if program.tiers} == {state.release == "v3.32.1"}


@pytest.mark.parametrize("state", ALL, ids=str)
def test_every_id_that_counted_is_in_the_files(state: RecordedState) -> None:
    found = read(state)
    told = {NO_PROFILE}
    for program in found.programs.of.values():
        told |= {rule.match_id for policy in program.policies() for rule in policy.rules}
        told |= {rule.match_id for profile in program.profiles for rule in profile.rules}
        told |= {tier.end.match_id for tier in program.all_tiers if tier.end}
    assert found.rules.keys() <= told


@pytest.mark.parametrize("state", states("1-before", "3-edit-before"), ids=str)
def test_rules_counted_what_was_counted_by_hand(state: RecordedState) -> None:
    found = read(state)
    counted = {
        (tier.name, policy.direction.value, rule.verdict and rule.verdict.value, rule.index, rule.match_id)
        for program in found.programs.of.values()
        for tier in program.tiers
        for policy in tier.policies
        for rule in policy.rules
        if rule.match_id in found.rules and rule.verdict
    }
    expected = [row for row in state.json("expected.json")["rules"] if row["owner"] == "policy"]
    assert counted == {
        (row["tier"], row["direction"], row["action"], row["index"], int(row["match_id"])) for row in expected
    }
    for row in expected:
        assert found.rules[int(row["match_id"])] == row["packets"]


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_what_ends_of_tiers_do_is_told_also_where_only_the_code_tells_it(state: RecordedState) -> None:
    ends = {
        (tier.name, tier.end.verdict)
        for program in read(state).programs.of.values()
        for tier in program.tiers
        if tier.end
    }
    soft = {("soft", Verdict.PASS)} | ({("stagedonly", Verdict.PASS)} if state.release == "v3.32.1" else set())
    assert ends == {("security", Verdict.DENY), ("default", Verdict.DENY)} | soft


def test_a_directory_that_is_none_is_told() -> None:
    with pytest.raises(SourceError, match="is no directory"):
        EbpfStateDirectory("/nowhere").read()
