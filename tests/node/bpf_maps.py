"""Makes maps of the kernel and pins them, as Felix does: what otel-calico itself never can."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from otel_calico.sources.pinned_maps import possible_cpus

PER_CPU_HASH, HASH = 5, 1
_NUMBER = {"x86_64": 321, "aarch64": 280, "ppc64le": 361, "s390x": 351}[platform.machine()]
_CREATE, _UPDATE, _DELETE, _PIN = 0, 2, 3, 6
_NO_PREALLOCATION = 1

Values = Sequence[bytes]
"""A value for each CPU that has one; the others have zeros. Of a map that is not per CPU, one."""


class BpfMap:
    """A map of this kernel; closed, it lives as long as it is pinned."""

    def __init__(self, kind: int, key_size: int, value_size: int, entries: int, flags: int = _NO_PREALLOCATION) -> None:
        self._kind, self._value_size = kind, value_size
        self._descriptor = _call(_CREATE, struct.pack("=5I", kind, key_size, value_size, entries, flags))

    def update(self, entries: Mapping[bytes, Values], descriptor: int | None = None) -> Self:
        """Set these entries, through another descriptor of the map if one is given."""
        for key, values in entries.items():
            if self._kind == PER_CPU_HASH:
                cpus = possible_cpus()
                padded = [value.ljust(-(-self._value_size // 8) * 8, b"\0") for value in values]
                if len(padded) > cpus:
                    raise ValueError(f"{len(padded)} values for {cpus} CPUs")
                whole = b"".join(padded).ljust(cpus * len(padded[0]), b"\0")
            else:
                (whole,) = values
            buffers = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(whole, len(whole))
            addresses = map(ctypes.addressof, buffers)
            _call(_UPDATE, struct.pack("=IIQQQ", descriptor or self._descriptor, 0, *addresses, 0))
        return self

    def delete(self, key: bytes) -> None:
        """Delete an entry."""
        buffer = ctypes.create_string_buffer(key, len(key))
        _call(_DELETE, struct.pack("=IIQ", self._descriptor, 0, ctypes.addressof(buffer)))

    def pin(self, path: Path) -> Self:
        """Pin it in the place of what is pinned there."""
        path.unlink(missing_ok=True)
        name = ctypes.create_string_buffer(os.fsencode(path))
        _call(_PIN, struct.pack("=QI", ctypes.addressof(name), self._descriptor))
        return self

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _call(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(
        _NUMBER, command, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes)
    )
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
