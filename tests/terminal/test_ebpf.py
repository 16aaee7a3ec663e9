"""`report` and `explain` of a saved eBPF dataplane say what was counted by hand, and of whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_calico.cli import main
from tests.recordings.ebpf_resources import resources
from tests.recordings.ebpf_states import RecordedState, states


def output(folder: Path, state: RecordedState, *arguments: str) -> str:
    """What a command prints of a state."""
    export = folder / "resources.yaml"
    export.write_text(resources(state))
    files = ("--ebpf-state", str(state.path), "--datastore-file", str(export))
    ended = CliRunner().invoke(main, [*arguments, *files])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


TO_WEB = """\
Packets to shop/web-1: interface cali751425ce827
  1 packet to shop/web-1 was dropped by policy: which of it, only the counts of the whole node tell; 6 accepted.

  accepted by policies and profiles together: 6 packets
  dropped by policies, ends of tiers and for want of a profile: 1 packet
  tier security
    1. policy security.base
       of all endpoints: denied 3*, passed on 22*
         rule 0 denied 3*
         rule 1 passed on 22*
         rule 2 passed on 0*
{security}
  tier soft
    1. policy soft.watch
       of all endpoints: denied 1*
    end of tier: what no policy decided goes on
{staged}  tier default
    1. policy shop/default.guard
       of all endpoints: denied 3*
{policies}
{default}
"""
WEB = ("shop/knp.default.allow-web\n       of all endpoints: allowed 11*\n"
       "         rule 0 allowed 11*\n         rule 1 allowed 0*")  # fmt: skip
METRICS = "shop/knp.default.allow-web-metrics\n       of all endpoints: allowed 4*"
UNTOLD = "    end of tier: what no policy decided is dropped, and nothing counts it apart"
PARTS = {
    "v3.29.7": {
        "security": UNTOLD,
        "staged": "",
        "policies": f"    2. policy {WEB}\n    3. policy {METRICS}",
        "default": UNTOLD,
    },
    "v3.32.1": {
        "security": "    end of tier, dropped: 3* packets",
        "staged": "  tier stagedonly\n    end of tier: what no policy decided goes on\n",
        "policies": f"    2. policy {METRICS}\n    3. policy {WEB}",
        "default": "    end of tier, dropped: 9* packets",
    },
}


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_explain_says_what_is_the_workload_s_and_what_the_node_s(tmp_path: Path, state: RecordedState) -> None:
    printed = output(tmp_path, state, "explain", "shop/web-1")
    assert printed.startswith(TO_WEB.format_map(PARTS[state.release]))


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_explain_says_where_packets_ended_if_only_one_thing_can_drop(tmp_path: Path, state: RecordedState) -> None:
    printed = output(tmp_path, state, "explain", "shop/db-0")
    where = "at the end of tier default, where no policy accepted them"
    assert f"9 packets from shop/db-0 were dropped {where}; 1 accepted." in printed
    bare = output(tmp_path, state, "explain", "shop/bare-0")
    assert "4 packets to shop/bare-0 were dropped because no profile accepted them; none accepted." in bare


def test_nothing_says_that_rules_without_a_counter_counted_nothing(tmp_path: Path) -> None:
    printed = output(tmp_path, RecordedState("v3.32.1", "7-host-endpoint"), "explain", "node-hep")
    steps = "doNotTrack policies, whose rules nothing counts:\n  tier default\n    1. policy default.hep-raw\n    end"
    assert steps in printed


@pytest.mark.parametrize("state", states("1-before", "3-edit-before"), ids=str)
def test_report_has_what_was_counted_by_hand_and_no_bytes(tmp_path: Path, state: RecordedState) -> None:
    rows = json.loads(output(tmp_path, state, "report", "--output", "json"))["rows"]
    expected = state.json("expected.json")
    totals = {
        (pod, direction, verdict): number
        for pod, ways in expected["interfaces (accepted, dropped by policy)"].items()
        for direction, numbers in ways.items()
        for verdict, number in zip(("allow", "drop"), numbers, strict=True)
        if number
    }
    assert totals == {
        (row["endpoint"], row["direction"], row["verdict"]): row["count"]["total"]["packets"]
        for row in rows
        if row["reason"] == "all_of_policy"
    }
    denied = {row["name"]: row["packets"] for row in expected["rules"] if row["name"].startswith("shop/guard")}
    assert denied == {
        "shop/guard": next(
            row["count"]["total"]["packets"] for row in rows if row["policies"] == ["shop/default.guard"]
        )
    }
    assert {row["count"]["total"]["bytes"] for row in rows} == {None}
    assert "BYTES" not in output(tmp_path, state, "report")


def test_without_the_debug_files_interfaces_are_told_and_what_is_missing_is_said(tmp_path: Path) -> None:
    state = RecordedState("v3.32.1", "1-before")
    saved = tmp_path / "saved"
    saved.mkdir()
    for path in state.path.glob("*.*"):
        (saved / path.name).write_bytes(path.read_bytes())
    export = tmp_path / "resources.yaml"
    export.write_text(resources(state))
    arguments = ["explain", "shop/web-0", "--ebpf-state", str(saved), "--datastore-file", str(export)]
    ended = CliRunner().invoke(main, arguments)
    assert "12 packets to shop/web-0 were dropped by policy" in ended.stdout
    assert "copy /var/run/calico/bpf/policy of the node" in ended.stderr


def test_a_directory_without_the_maps_is_refused_with_the_command_that_is_needed(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["report", "--ebpf-state", str(tmp_path)])
    assert ended.exit_code == 2
    assert "bpftool -j map dump pinned /sys/fs/bpf/tc/globals/cali_rule_ctrs2" in ended.stderr
