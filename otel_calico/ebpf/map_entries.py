"""Entries of Felix's maps, as the kernel gives them out, to counters.

Maps are per-CPU: each value stands once for every possible CPU, padded to 8 bytes, in the byte order of the node.
Sources: `felix/bpf/counters` (both maps), `felix/bpf/ifstate` (names of interfaces).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import reduce
from operator import add
from typing import NamedTuple

RULE_COUNTERS = "cali_rule_ctrs2"
INTERFACE_COUNTERS = "cali_counters"
"""Begins the names of the maps of interface counters; a release's number ends them."""
INTERFACE_STATE = "cali_iface"

_KEY_SIZE = 8
_COUNTER_SIZE = 8
_INDEX = struct.Struct("=I")
_INTERFACE_NAME = struct.Struct("=I16s")


class Hook(IntEnum):
    """Where a program is attached to an interface."""

    TC_INGRESS = 0
    TC_EGRESS = 1
    XDP = 2


class InterfaceHook(NamedTuple):
    """Key of interface counters: the index of an interface, and the hook (a plain number where it is unknown)."""

    ifindex: int
    hook: int


RuleCounters = Mapping[int, int]
"""Packets by match id."""
InterfaceCounters = Mapping[InterfaceHook, Sequence[int]]
"""Packets by interface and hook: one number per counter."""


class MapFormError(Exception):
    """A map is not as any known release makes it. The message says what is different."""


def rule_counters(keys: bytes | memoryview, values: bytes | memoryview, cpus: int) -> RuleCounters:
    """Entries of `cali_rule_ctrs2`, `cpus` values of 8 bytes each. Raises MapFormError."""
    if len(keys) % _KEY_SIZE or len(values) != len(keys) * cpus:
        raise MapFormError(f"{RULE_COUNTERS} does not have keys of 8 bytes and values of 8 bytes per CPU")
    return dict(zip(memoryview(keys).cast("Q").tolist(), _sums(_columns(values, cpus)), strict=True))


def interface_counters(keys: bytes | memoryview, values: bytes | memoryview, cpus: int) -> InterfaceCounters:
    """Entries of a map `cali_counters*`; how many counters there are is told by their size. Raises MapFormError."""
    entries, odd = divmod(len(keys), _KEY_SIZE)
    if not entries:
        return {}
    width, uneven = divmod(len(values), entries * cpus * _COUNTER_SIZE)
    if odd or uneven or not width:
        raise MapFormError(f"{INTERFACE_COUNTERS} does not have keys of 8 bytes and counters of 8 bytes per CPU")
    columns = _columns(values, width * cpus)
    totals = [_sums(columns[place::width]) for place in range(width)]
    numbers = memoryview(keys).cast("I").tolist()
    places = map(InterfaceHook, numbers[0::2], numbers[1::2])
    return dict(zip(places, zip(*totals, strict=True), strict=True))


def interface_names(entries: Mapping[bytes, bytes]) -> Mapping[int, str]:
    """Names of interfaces by index, from the entries of a map `cali_iface*`."""
    found: dict[int, str] = {}
    for key, value in entries.items():
        if len(key) == _INDEX.size and len(value) >= _INTERFACE_NAME.size:
            _, name = _INTERFACE_NAME.unpack_from(value)
            found[_INDEX.unpack(key)[0]] = name.partition(b"\0")[0].decode("utf-8", "replace")
    return found


def _sums(columns: Sequence[Sequence[int]]) -> Sequence[int]:
    """Each CPU's numbers added up."""
    return reduce(lambda sums, column: list(map(add, sums, column)), columns)


def _columns(values: bytes | memoryview, width: int) -> Sequence[Sequence[int]]:
    """The numbers of entries that have `width` each, place by place."""
    numbers = memoryview(values).cast("Q").tolist()
    return [numbers[place::width] for place in range(width)]
