"""A saved state of the eBPF dataplane: a directory of `bpftool -j` dumps and debug files, as a user mails it in."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from otel_calico.ebpf.bpftool import (
    read_capacity,
    read_interface_counters,
    read_interface_names,
    read_links,
    read_rule_counters,
)
from otel_calico.ebpf.map_entries import INTERFACE_COUNTERS, INTERFACE_STATE, RULE_COUNTERS, MapFormError
from otel_calico.ebpf.state import DebugFiles, EbpfState, Programs
from otel_calico.files import LARGEST_DUMP, read_bounded
from otel_calico.sources.debug_files import DebugFileReader
from otel_calico.sources.ruleset_source import SourceError

_DEBUG_FILES = ("policy", "run-calico-bpf-policy", "bpf/policy")
_LINKS = "ip-link.txt"

_T = TypeVar("_T")


class EbpfStateDirectory:
    """One directory, read anew for every scan."""

    backend = "file"

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def is_on(self) -> bool:
        """A saved state is one of this dataplane."""
        return True

    def read(self) -> EbpfState:
        """What was saved. Raises SourceError."""
        if not self._path.is_dir():
            raise SourceError("missing_file", f"{self._path} is no directory")
        names = self._names()
        return EbpfState(
            rules=self._dump(RULE_COUNTERS, read_rule_counters),
            capacity=self._read(f"{RULE_COUNTERS}.info.json", read_capacity) or 0,
            interfaces={name: self._dump(name, read_interface_counters) for name in self._dumps(INTERFACE_COUNTERS)},
            names=names,
            programs=self._programs(names),
        )

    def _names(self) -> Mapping[int, str]:
        """Names of the node's interfaces: all of them, or those that Felix has in a map."""
        links = self._read(_LINKS, lambda text: read_links(text.decode("utf-8", "replace")))
        return links or {
            index: interface
            for name in self._dumps(INTERFACE_STATE)
            for index, interface in self._dump(name, read_interface_names).items()
        }

    def _programs(self, names: Mapping[int, str]) -> Programs:
        for name in _DEBUG_FILES:
            if (directory := self._path / name).is_dir():
                return DebugFileReader(directory).look(set(names.values()))
        problem = f"{self._path} has no directory {_DEBUG_FILES[0]}: copy /var/run/calico/bpf/policy of the node"
        return Programs(DebugFiles.UNREADABLE, problem=problem)

    def _dumps(self, prefix: str) -> Iterator[str]:
        """Maps of which there are dumps, whose names begin so and end with a number."""
        for path in sorted(self._path.glob(f"{prefix}*.json")):
            if path.stem.removeprefix(prefix).isdigit():
                yield path.stem

    def _dump(self, name: str, read: Callable[[bytes], _T]) -> _T:
        found = self._read(f"{name}.json", read)
        if found is None:
            remedy = f"save it with `bpftool -j map dump pinned /sys/fs/bpf/tc/globals/{name}`"
            raise SourceError("missing_file", f"{self._path / name}.json does not exist: {remedy}")
        return found

    def _read(self, name: str, read: Callable[[bytes], _T]) -> _T | None:
        """What a file tells; None where it is not there."""
        try:
            return read(read_bounded(self._path / name, LARGEST_DUMP))
        except FileNotFoundError:
            return None
        except OSError as error:
            kind = "too_large" if error.errno == errno.EFBIG else "no_permission"
            raise SourceError(kind, f"{self._path / name} cannot be read: {error.strerror}") from None
        except MapFormError as error:
            raise SourceError("garbage", f"{self._path / name}: {error}") from None
