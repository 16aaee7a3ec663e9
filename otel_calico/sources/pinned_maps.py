"""Reads all entries of a pinned map: in batches, or key by key where the kernel has no batches."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from otel_calico.sources.bpf_syscall import (
    NO_MORE,
    TOO_SMALL,
    MapBatch,
    MapInfo,
    lookup,
    map_info,
    next_key,
    pinned_map,
)

_BATCH = 1 << 20
"""Bytes of values to read at once: a map has room for far more entries than it holds."""

_NO_BATCHES = {errno.EINVAL, errno.ENOTSUP, 524}  # 524: the kernel's own ENOTSUPP
_POSSIBLE = Path("/sys/devices/system/cpu/possible")


@dataclass(frozen=True, slots=True)
class Entries:
    """Keys and values of a map, one after the other; each value stands once for each of `cpus`.

    `per_value` is the size of one value on one CPU, padded to 8 bytes.
    """

    info: MapInfo
    keys: bytes
    values: bytes
    cpus: int
    per_value: int

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each entry."""
        size, width = self.info.key_size, self.per_value * self.cpus
        for place in range(len(self.keys) // size):
            yield self.keys[place * size : (place + 1) * size], self.values[place * width : (place + 1) * width]


def read_pinned(path: Path) -> Entries:
    """All entries of the map pinned at a path. Raises OSError."""
    with pinned_map(path) as descriptor:
        info = map_info(descriptor)
        cpus = possible_cpus() if info.per_cpu else 1
        per_value = -(-info.value_size // 8) * 8 if info.per_cpu else info.value_size
        try:
            keys, values = _in_batches(descriptor, info, per_value * cpus)
        except OSError as error:
            if error.errno not in _NO_BATCHES:
                raise
            keys, values = key_by_key(descriptor, info, per_value * cpus)
    return Entries(info, keys, values, cpus, per_value)


def _in_batches(descriptor: int, info: MapInfo, value_size: int) -> tuple[bytes, bytes]:
    count = max(1, min(info.max_entries, _BATCH // value_size))
    batch = MapBatch(descriptor, info.key_size, value_size, count)
    after: ctypes.Array[ctypes.c_char] | None = None
    keys, values = bytearray(), bytearray()
    while True:
        reached = ctypes.create_string_buffer(max(8, info.key_size))
        found, failed = batch.read(after, reached)
        if failed == TOO_SMALL and count < info.max_entries:
            count *= 2
            batch = MapBatch(descriptor, info.key_size, value_size, count)
            continue
        if failed not in {0, NO_MORE}:
            raise OSError(failed, "reading a batch of entries failed")
        some_keys, some_values = batch.entries(found)
        keys += some_keys
        values += some_values
        if failed == NO_MORE:
            return bytes(keys), bytes(values)
        after = reached


def key_by_key(descriptor: int, info: MapInfo, value_size: int) -> tuple[bytes, bytes]:
    """All entries, two calls each. Raises OSError.

    Where the key it stands at is deleted meanwhile, the kernel begins anew: an entry is taken once.
    """
    found: dict[bytes, bytes] = {}
    key = None
    for _ in range(2 * info.max_entries):
        key = next_key(descriptor, key, info.key_size)
        if key is None:
            break
        if (value := lookup(descriptor, key, value_size)) is not None:
            found[key] = value
    return b"".join(found), b"".join(found.values())


@cache
def possible_cpus() -> int:
    """How many CPUs the machine may ever have; a per-CPU map has a value for each, online or not."""
    return count_cpus(_POSSIBLE.read_text())


def count_cpus(ranges: str) -> int:
    """CPUs in the kernel's form: `0-3,8`."""
    ends = (part.partition("-") for part in ranges.strip().split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)
