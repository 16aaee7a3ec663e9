"""Reads the debug file of one policy program: Felix's instructions, with comments that say what each is for.

Felix writes `IFACE_DIR_vN.json` each time it loads a program (`felix/dataplane/linux/bpf_ep_mgr.go`); DIR is the
direction of the policy. The comments come in three dialects (v3.26, v3.30, v3.32: `felix/bpf/polprog`). Code that no
packet comes to is left out of the instructions, so a rule is reached if its match id is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from otel_calico.calico.model import Direction, IPVersion
from otel_calico.ebpf.program import Program, ProgramKey
from otel_calico.ebpf.program_reader import ProgramReader

_FILE_NAME = re.compile(r"(.+)_(ingress|egress|xdp)_v([46])\.json")

_LOAD, _JUMP = 0x18, 0x05
_PLAIN_NUMBER = 0  # in the upper half of the second byte: no map, no variable


class DebugFileError(Exception):
    """The file is not whole, as while Felix writes it, or is none of these."""


class _Instruction(msgspec.Struct):
    inst: list[int] = []
    labels: list[str] = []
    comments: list[str] = []
    annotation: str = ""


class _DebugFile(msgspec.Struct):
    policy_info: list[_Instruction] | None = msgspec.field(name="policyInfo", default=None)
    error: str = ""


_decoder = msgspec.json.Decoder(_DebugFile)


def program_key(file_name: str) -> ProgramKey | None:
    """Whose program a file describes; None for a file of another kind. What runs at XDP is ingress policy."""
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        return None
    interface, way, version = match.groups()
    direction = Direction.INGRESS if way == "xdp" else Direction(way)
    return ProgramKey(interface, direction, IPVersion(int(version)), is_xdp=way == "xdp")


def read_debug_file(key: ProgramKey, text: bytes) -> Program:
    """The program that a file describes. Raises DebugFileError."""
    try:
        decoded = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DebugFileError(str(error)) from None
    reader = ProgramReader(key)
    instructions = decoded.policy_info or ()
    for instruction, loaded in zip(instructions, _loads(instructions), strict=True):
        reader.comments(instruction.labels, instruction.comments)
        if loaded is not None:
            reader.load(loaded)
        elif instruction.inst[:1] == [_JUMP]:
            reader.jump(instruction.annotation)
    return reader.program(decoded.error)


def _loads(instructions: Sequence[_Instruction]) -> Iterator[int | None]:
    """The plain 64-bit number that each instruction loads, None for other instructions.

    Such a load takes two: each has 32 bits in its last four bytes.
    """
    for place, instruction in enumerate(instructions):
        octets = instruction.inst
        if octets[:1] != [_LOAD] or len(octets) != 8 or octets[1] >> 4 != _PLAIN_NUMBER:
            yield None
            continue
        upper = instructions[place + 1].inst if place + 1 < len(instructions) else ()
        if len(upper) != 8:
            raise DebugFileError("a load of 64 bits lacks its second half")
        try:
            yield int.from_bytes(bytes([*octets[4:], *upper[4:]]), "little")
        except ValueError:
            raise DebugFileError("an instruction has a byte that is none") from None
