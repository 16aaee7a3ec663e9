"""The eBPF dataplane of the running node: Felix's pinned maps, its debug files, and the network interfaces."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from otel_calico.ebpf.map_entries import (
    INTERFACE_COUNTERS,
    INTERFACE_STATE,
    RULE_COUNTERS,
    InterfaceCounters,
    MapFormError,
    interface_counters,
    rule_counters,
)
from otel_calico.ebpf.state import EbpfState
from otel_calico.sources.capabilities import has_capability
from otel_calico.sources.debug_files import DebugFileReader
from otel_calico.sources.pinned_maps import read_pinned
from otel_calico.sources.ruleset_source import SourceError

PINNED = Path("/sys/fs/bpf/tc/globals")
"""Where Felix pins its maps (`felix/bpf/maps`); to be seen only where the host's `/sys/fs/bpf` is mounted."""

DEBUG_FILES = Path("/var/run/calico/bpf/policy")

_REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS)
"""The kernel's, and what seccomp profiles answer (Docker's EPERM, that of containers/common ENOSYS)."""


@dataclass(frozen=True, slots=True)
class EbpfPaths:
    """Where Felix leaves what is read."""

    pinned: Path = PINNED
    debug_files: Path = DEBUG_FILES


class EbpfSource(Protocol):
    """Looks at an eBPF dataplane; called by one thread at a time."""

    @property
    def backend(self) -> str:
        """`bpf` of a node, `file` of a saved state."""

    def is_on(self) -> bool:
        """Whether there is such a dataplane: Felix removes its maps when it is switched off."""

    def read(self) -> EbpfState:
        """What is there now. Raises SourceError."""


class EbpfNode:
    """The node's own."""

    backend = "bpf"

    def __init__(self, paths: EbpfPaths | None = None) -> None:
        self._paths = paths or EbpfPaths()
        self._debug_files = DebugFileReader(self._paths.debug_files)

    def is_on(self) -> bool:
        """True if both maps are pinned; false also where they cannot be seen."""
        names = self._pins()
        return RULE_COUNTERS in names and any(name.startswith(INTERFACE_STATE) for name in names)

    def read(self) -> EbpfState:
        """Read the maps, then the files: a rule that counts already is in its file a moment later."""
        names = dict(socket.if_nameindex())
        try:
            rules = read_pinned(self._paths.pinned / RULE_COUNTERS)
            counted = rule_counters(rules.keys, rules.values, rules.cpus)
            interfaces = {name: self._interface_counters(name) for name in sorted(self._pins()) if _counts(name)}
        except OSError as error:
            raise _cannot_read(error) from None
        except MapFormError as error:
            raise SourceError("unknown_map", f"{error}: this release of Calico is not known yet") from None
        programs = self._debug_files.look(set(names.values()))
        return EbpfState(counted, rules.info.max_entries, interfaces, names, programs)

    def _pins(self) -> Collection[str]:
        return pinned_names(self._paths.pinned)

    def _interface_counters(self, name: str) -> InterfaceCounters:
        entries = read_pinned(self._paths.pinned / name)
        return interface_counters(entries.keys, entries.values, entries.cpus)


def pinned_names(directory: Path = PINNED) -> Collection[str]:
    """What is pinned there; nothing where it is not mounted, or not for us to see: other signs must do."""
    try:
        return [entry.name for entry in directory.iterdir()]
    except OSError:
        return ()


def has_pinned_maps(directory: Path = PINNED) -> bool:
    """True if maps of Calico's are pinned there, of whatever release."""
    return any(name.startswith("cali_") for name in pinned_names(directory))


def _counts(name: str) -> bool:
    return name.startswith(INTERFACE_COUNTERS) and name.removeprefix(INTERFACE_COUNTERS).isdigit()


def _cannot_read(error: OSError) -> SourceError:
    """Says what keeps Felix's maps from being read."""
    if isinstance(error, FileNotFoundError):
        return SourceError("empty", "Felix removed its maps while they were read: it starts anew, or leaves eBPF")
    if error.errno not in _REFUSALS:
        return SourceError("no_permission", f"the kernel does not give out Felix's maps: {error.strerror}")
    if os.geteuid():
        return SourceError("no_permission", f"only root reads Felix's maps, and this is user {os.geteuid()}")
    if not (has_capability("BPF") or has_capability("SYS_ADMIN")):
        remedy = "add the capability BPF (SYS_ADMIN before Linux 5.8)"
    else:
        remedy = "does a seccomp profile forbid the system call bpf?"
    return SourceError("no_permission", f"the kernel does not give out Felix's maps: {error.strerror}; {remedy}")
