"""The system call bpf(2), as far as pinned maps are read with it. Nothing is written, no program is loaded.

Source: `include/uapi/linux/bpf.h`; numbers from the kernel's system call tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = {"x86_64": 321, "aarch64": 280, "ppc64le": 361, "s390x": 351}

_LOOKUP, _NEXT_KEY, _GET, _GET_INFO, _LOOKUP_BATCH = 1, 4, 7, 15, 24
_READ_ONLY = 8
_INFO = struct.Struct("=6I16s")
_PER_CPU = {5, 6, 10}  # BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH

NO_MORE, TOO_SMALL = errno.ENOENT, errno.ENOSPC
"""What a batch fails with: it was the last; a bucket of the map is larger than it."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class MapInfo:
    """A map's form; sizes in bytes. `value_size` is that of one CPU's value."""

    key_size: int
    value_size: int
    max_entries: int
    per_cpu: bool


@contextmanager
def pinned_map(path: Path) -> Iterator[int]:
    """A descriptor of the map pinned at a path, for reading. Raises OSError."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    descriptor = _call(_GET, struct.pack("=QII", ctypes.addressof(name), 0, _READ_ONLY))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def map_info(descriptor: int) -> MapInfo:
    """Raises OSError."""
    info = ctypes.create_string_buffer(_INFO.size)
    _call(_GET_INFO, struct.pack("=IIQ", descriptor, _INFO.size, ctypes.addressof(info)))
    kind, _, key_size, value_size, max_entries, _, _ = _INFO.unpack(info.raw)
    return MapInfo(key_size, value_size, max_entries, kind in _PER_CPU)


class MapBatch:
    """Room for some entries of a map, read together (kernel 5.6+)."""

    def __init__(self, descriptor: int, key_size: int, value_size: int, count: int) -> None:
        """`value_size` is that of the values of all CPUs together."""
        self._descriptor = descriptor
        self._key_size, self._value_size, self._count = key_size, value_size, count
        self._keys = ctypes.create_string_buffer(key_size * count)
        self._values = ctypes.create_string_buffer(value_size * count)

    def read(self, after: ctypes.Array[ctypes.c_char] | None, reached: ctypes.Array[ctypes.c_char]) -> tuple[int, int]:
        """Read on `after` where the batch before had `reached`; None begins. Gives how many came, and an errno or 0."""
        start = ctypes.addressof(after) if after is not None else 0
        addresses = start, ctypes.addressof(reached), ctypes.addressof(self._keys), ctypes.addressof(self._values)
        attributes = ctypes.create_string_buffer(
            struct.pack("=QQQQIIQQ", *addresses, self._count, self._descriptor, 0, 0), 56
        )
        failed = 0
        try:
            _call(_LOOKUP_BATCH, attributes)
        except OSError as error:
            failed = error.errno or errno.EIO
        return struct.unpack_from("=I", attributes, 32)[0], failed

    def entries(self, count: int) -> tuple[memoryview, memoryview]:
        """Keys and values of the first entries of the last batch."""
        keys, values = memoryview(self._keys).cast("B"), memoryview(self._values).cast("B")
        return keys[: count * self._key_size], values[: count * self._value_size]


def next_key(descriptor: int, key: bytes | None, key_size: int) -> bytes | None:
    """The key after this one, of None the first; None after the last. Raises OSError.

    Of a key that is gone it is the first one again.
    """
    former = ctypes.create_string_buffer(key, key_size) if key is not None else None
    found = ctypes.create_string_buffer(key_size)
    start = ctypes.addressof(former) if former is not None else 0
    try:
        _call(_NEXT_KEY, struct.pack("=IIQQ", descriptor, 0, start, ctypes.addressof(found)))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return found.raw


def lookup(descriptor: int, key: bytes, value_size: int) -> bytes | None:
    """The value of a key, of all CPUs together; None of one that is gone. Raises OSError."""
    wanted = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_size)
    addresses = ctypes.addressof(wanted), ctypes.addressof(value)
    try:
        _call(_LOOKUP, struct.pack("=IIQQQ", descriptor, 0, *addresses, 0))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return value.raw


def _call(command: int, attributes: bytes | ctypes.Array[ctypes.c_char]) -> int:
    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"bpf(2) has no known number on {platform.machine()}")
    buffer = ctypes.create_string_buffer(attributes, len(attributes)) if isinstance(attributes, bytes) else attributes
    result: int = _libc.syscall(number, command, buffer, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
