"""Debug files tell a program in each dialect; what is half-written, stale or gone is not mistaken for another one."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from otel_calico.calico.model import Direction, Verdict
from otel_calico.ebpf.debug_file import DebugFileError, program_key, read_debug_file
from otel_calico.ebpf.program import Program, ProgramTier, TierEnd
from otel_calico.ebpf.state import DebugFiles
from otel_calico.sources.debug_files import DebugFileReader
from tests.recordings.ebpf_states import RecordedState

DIRECTORY = "run-calico-bpf-policy"
WEB = "calia4fc3c48bd8_ingress_v4.json"
DB = "cali43878a68a0a_egress_v4.json"
BEFORE = {release: RecordedState(release, "1-before") for release in ("v3.29.7", "v3.32.1")}


def text(state: RecordedState, name: str = WEB) -> bytes:
    return (state.path / DIRECTORY / name).read_bytes()


def read(content: bytes, name: str = WEB) -> Program:
    key = program_key(name)
    assert key
    return read_debug_file(key, content)


def outline(program: Program) -> list[str]:
    """Tiers, policies, and rules with what they do."""
    lines: list[str] = []
    for tier in program.all_tiers:
        lines.append(f"tier {tier.name}")
        for policy in tier.policies:
            rules = (f"{rule.index} {rule.verdict.value if rule.verdict else 'log'}" for rule in policy.rules)
            lines.append(f"{policy.direction.value} {policy.name.name}: {', '.join(rules)}")
        lines.append(f"end {tier.end.verdict.value if tier.end and tier.end.verdict else 'unreached'}")
    lines += [f"profile {profile.name}: {len(profile.rules)}" for profile in program.profiles]
    return lines


def in_dialect_of_v3_30(content: bytes) -> bytes:
    """Comments as v3.30 and v3.31 write them: policies as before, ends of tiers as after."""

    def comment(text: str) -> str:
        text = re.sub(r"^(Start|End) of \w+ (\S+) \d+$", r"\1 of policy \2", text)
        return re.sub(r"^Start of rule \S+ action", "Start of rule action", text)

    decoded = json.loads(content)
    for instruction in decoded["policyInfo"]:
        comments = instruction.get("comments", ())
        instruction["comments"] = [comment(one) for one in comments if not re.match(r"(Start|End) of  ", one)]
    return json.dumps(decoded).encode()


EXPECTED = [
    "tier security",
    "ingress security.base: 0 deny, 1 pass, 2 pass",
    "end deny",
    "tier soft",
    "ingress soft.watch: 0 deny",
    "end pass",
    "tier stagedonly",
    "end pass",
    "tier default",
    "ingress shop/default.guard: 0 deny",
    "ingress shop/knp.default.allow-web-metrics: 0 allow",
    "ingress shop/knp.default.allow-web: 0 allow, 1 allow",
    "end deny",
]


def test_the_dialect_of_v3_32() -> None:
    assert outline(read(text(BEFORE["v3.32.1"]))) == [*EXPECTED, "profile kns.shop: 1"]


def test_the_dialect_of_v3_30() -> None:
    assert outline(read(in_dialect_of_v3_30(text(BEFORE["v3.32.1"])))) == [*EXPECTED, "profile : 1"]


def test_the_dialect_of_v3_26() -> None:
    # There staged policies leave nothing, and policies were sorted otherwise.
    expected = [line for line in EXPECTED if line != "tier stagedonly"]
    del expected[6]
    expected[8], expected[9] = expected[9], expected[8]
    assert outline(read(text(BEFORE["v3.29.7"]))) == [*expected, "profile : 1"]


def test_only_log_rules_decide_nothing_and_keep_their_place() -> None:
    program = read(text(BEFORE["v3.32.1"], "cali43878a68a0a_ingress_v4.json"), "cali43878a68a0a_ingress_v4.json")
    assert outline(program)[1] == "ingress default.db-only: 0 allow, 1 log, 2 deny"


def test_what_no_packet_reaches_is_known_not_to_be_reached() -> None:
    program = read(text(BEFORE["v3.32.1"]))
    (profile,) = program.profiles
    assert [rule.is_reached for rule in profile.rules] == [False]
    assert all(rule.is_reached for policy in program.policies() for rule in policy.rules)
    assert not program.has_no_profile
    bare = read(text(BEFORE["v3.32.1"], "cali65c8ae65da8_ingress_v4.json"), "cali65c8ae65da8_ingress_v4.json")
    assert bare.has_no_profile
    assert outline(bare) == []


def test_policy_of_all_interfaces_stands_before_the_workload_s_own_the_other_way() -> None:
    state = RecordedState("v3.32.1", "8-wildcard-host-endpoint")
    program = read(text(state, DB), DB)
    (host,), (own,) = program.host_tiers, program.tiers
    assert (host.direction, host.policies[0].name.name) == (Direction.INGRESS, "default.all-fwd")
    assert (own.direction, own.policies[0].name.name) == (Direction.EGRESS, "default.db-only")
    assert host.end is None  # its last rule allows everything
    assert own.end == TierEnd(1545619793626482357, Verdict.DENY)


def test_a_host_s_interface_has_forward_and_prednat_policy_before_the_local_one() -> None:
    state = RecordedState("v3.32.1", "7-host-endpoint")
    program = read(text(state, "eth0_ingress_v4.json"), "eth0_ingress_v4.json")

    def names(tier: ProgramTier) -> list[str]:
        return [policy.name.name for policy in tier.policies]

    assert program.is_host
    assert list(map(names, program.host_tiers)) == [["default.hep-pre"], ["default.hep-fwd"]]
    assert list(map(names, program.tiers)) == [["default.hep-normal", "default.hep-fwd"]]
    assert {tier.direction for tier in program.all_tiers} == {Direction.INGRESS}
    raw = read(text(state, "eth0_xdp_v4.json"), "eth0_xdp_v4.json")
    assert raw.key.is_xdp
    assert list(map(names, raw.tiers)) == [["default.hep-raw"]]


@pytest.mark.parametrize("release", BEFORE)
def test_no_part_of_a_file_is_taken_for_the_whole(release: str) -> None:
    content = text(BEFORE[release])
    for end in range(0, len(content.rstrip()), 997):
        with pytest.raises(DebugFileError):
            read(content[:end])


@pytest.mark.parametrize(
    "content", [b"null", b"[]", b'{"policyInfo": 3}', b'{"policyInfo": [{"inst": ["a"]}]}', b"\xff"]
)
def test_what_is_no_debug_file_is_told(content: bytes) -> None:
    with pytest.raises(DebugFileError):
        read(content)


@pytest.mark.parametrize(
    "name", ["cali1.json", "cali1_ingress_v5.json", "_ingress_v4.json", "cali1_ingress_v4.json.tmp"]
)
def test_files_of_other_names_are_left_alone(name: str) -> None:
    assert program_key(name) is None


class Directory:
    """Calico's directory on a disk, and its reader."""

    def __init__(self, path: Path) -> None:
        self.path = path / "calico" / "bpf" / "policy"
        self.path.mkdir(parents=True)
        self.reader = DebugFileReader(self.path)

    def write(self, name: str, content: bytes) -> None:
        """As if it was a while ago."""
        (self.path / name).write_bytes(content)
        self.age(name, 60)

    def age(self, name: str, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(self.path / name, (then, then))


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def test_a_file_that_did_not_change_is_the_same_program_without_reading(directory: Directory) -> None:
    directory.write(WEB, text(BEFORE["v3.32.1"]))
    first = directory.reader.look({"calia4fc3c48bd8"}).of
    again = directory.reader.look({"calia4fc3c48bd8"}).of
    assert list(map(id, first.values())) == list(map(id, again.values()))


def test_while_a_file_is_half_written_the_program_before_is_told(directory: Directory) -> None:
    content = text(BEFORE["v3.32.1"])
    directory.write(WEB, content)
    first = directory.reader.look({"calia4fc3c48bd8"})
    directory.write(WEB, content[: len(content) // 2])
    half = directory.reader.look({"calia4fc3c48bd8"})
    assert (half.of, half.incomplete) == (first.of, 1)
    directory.write(WEB, text(BEFORE["v3.29.7"]))
    whole = directory.reader.look({"calia4fc3c48bd8"})
    assert whole.incomplete == 0
    assert whole.of != first.of


def test_a_file_written_this_instant_is_read_again_even_if_its_time_is_the_same(directory: Directory) -> None:
    name = directory.path / WEB
    now = time.time()
    for release, state in BEFORE.items():
        name.write_bytes(text(state).ljust(20_000))
        os.utime(name, (now, now))
        (program,) = directory.reader.look({"calia4fc3c48bd8"}).of.values()
        assert program.tells_ends is (release == "v3.32.1")


def test_files_of_interfaces_that_are_gone_are_stale(directory: Directory) -> None:
    directory.write(WEB, text(BEFORE["v3.32.1"]))
    assert not directory.reader.look(set()).of
    # What was on another interface for a while is told once, and not what lay there before.
    directory.write(DB, text(BEFORE["v3.32.1"], DB))
    (gone,) = directory.reader.look(set()).of_gone
    assert gone.key.interface == "cali43878a68a0a"
    assert not directory.reader.look(set()).of_gone


def test_without_the_directory_policy_debug_is_off(directory: Directory) -> None:
    directory.path.rmdir()
    assert directory.reader.look(set()).files is DebugFiles.REMOVED


def test_without_calico_s_directory_nobody_knows(tmp_path: Path) -> None:
    programs = DebugFileReader(tmp_path / "calico" / "bpf" / "policy").look(set())
    assert programs.files is DebugFiles.UNREADABLE
    assert "mount the host's" in programs.problem
