"""Reads what `bpftool -j map dump` printed of Felix's maps, and the names of interfaces of `ip -o link`.

bpftool prints every byte for itself; numbers are taken as little-endian, as on every machine but s390x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from otel_calico.ebpf.map_entries import (
    InterfaceCounters,
    MapFormError,
    RuleCounters,
    interface_counters,
    interface_names,
    rule_counters,
)

_LINK = re.compile(r"^(\d+): ([^:@\s]+)[:@]", re.MULTILINE)


class _Value(msgspec.Struct):
    value: list[str]


class _Entry(msgspec.Struct):
    key: list[str]
    values: list[_Value] = []
    value: list[str] = []


class _Info(msgspec.Struct):
    max_entries: int = 0


_entries = msgspec.json.Decoder(list[_Entry])
_info = msgspec.json.Decoder(_Info)


def read_rule_counters(text: bytes) -> RuleCounters:
    """A dump of `cali_rule_ctrs2`. Raises MapFormError."""
    return rule_counters(*_per_cpu(text))


def read_interface_counters(text: bytes) -> InterfaceCounters:
    """A dump of a map `cali_counters*`. Raises MapFormError."""
    return interface_counters(*_per_cpu(text))


def read_entries(text: bytes) -> Mapping[bytes, Sequence[bytes]]:
    """A dump of any map: by key its values, one of each CPU, or the one it has. Raises MapFormError."""
    return {
        _octets(entry.key): [_octets(one.value) for one in entry.values] or [_octets(entry.value)]
        for entry in _decode(text)
    }


def read_interface_names(text: bytes) -> Mapping[int, str]:
    """A dump of a map `cali_iface*`: the interfaces that Felix knows. Raises MapFormError."""
    return interface_names({key: values[0] for key, values in read_entries(text).items()})


def read_links(text: str) -> Mapping[int, str]:
    """Names of interfaces by index, of `ip -o link` or `ip link`."""
    return {int(index): name for index, name in _LINK.findall(text)}


def read_capacity(text: bytes) -> int:
    """How many entries a map can hold, of `bpftool -j map show`; 0 where it does not tell."""
    try:
        return _info.decode(text).max_entries
    except msgspec.MsgspecError:
        return 0


def _per_cpu(text: bytes) -> tuple[bytes, bytes, int]:
    """Keys, values of all CPUs, and how many CPUs there are."""
    entries = read_entries(text)
    cpus = {len(values) for values in entries.values()}
    if len(cpus) > 1:
        raise MapFormError("its values are not of the same number of CPUs")
    return b"".join(entries), b"".join(map(b"".join, entries.values())), next(iter(cpus), 1)


def _decode(text: bytes) -> Sequence[_Entry]:
    try:
        return _entries.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MapFormError(f"it is not what `bpftool -j map dump` prints: {error}") from None


def _octets(texts: Sequence[str]) -> bytes:
    try:
        return bytes([int(text, 16) for text in texts])
    except ValueError as error:
        raise MapFormError(f"it has a byte that is none: {error}") from None
