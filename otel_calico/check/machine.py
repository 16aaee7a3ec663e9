"""Looks at the machine: the node's name, this process's rights, the programs and the lock file."""

from __future__ import annotations

import os
from pathlib import Path

from otel_calico.check.finding import Finding, Level
from otel_calico.config import IptablesSettings, NodeSettings
from otel_calico.model import IPVersion
from otel_calico.sources.backends import Backend, save_command
from otel_calico.sources.command import Commands
from otel_calico.sources.lock import XtablesLock

_CAPABILITIES = {"NET_ADMIN": 12, "NET_RAW": 13}
"""Bits in the kernel's capability sets (`linux/capability.h`)."""


def check_node_name(node: NodeSettings) -> Finding:
    """Under which name the node's workloads are looked for."""
    return Finding(Level.OK, "node name", f"{node.name} ({node.name_source})")


def check_capabilities() -> Finding:
    """Whether the kernel will let the rules be read."""
    if os.geteuid() != 0:
        return Finding(
            Level.FAIL, "permission", f"running as user {os.geteuid()}", "run as root: iptables-save asks for uid 0"
        )
    effective = _effective_capabilities()
    missing = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if missing:
        remedy = "add them to securityContext.capabilities.add of the container"
        return Finding(Level.FAIL, "permission", f"root without {' and '.join(missing)}", remedy)
    return Finding(Level.OK, "permission", f"root with {' and '.join(_CAPABILITIES)}")


def check_programs() -> Finding:
    """Which of the two iptables backends can be read here."""
    found = [backend.value for backend in Backend if save_command(backend, IPVersion.V4, Commands())]
    if not found:
        return Finding(Level.FAIL, "iptables-save", "not installed", "install the iptables package (1.8 or later)")
    if len(found) < len(Backend):
        other = next(backend.value for backend in Backend if backend.value not in found)
        return Finding(
            Level.WARN,
            "iptables-save",
            f"{found[0]} only",
            f"if Felix writes to {other}, install iptables 1.8 or later",
        )
    return Finding(Level.OK, "iptables-save", " and ".join(found))


def check_lock(settings: IptablesSettings, backend: str) -> Finding:
    """Whether reads of legacy tables can be kept apart from writes."""
    if backend == Backend.NFT.value:
        return Finding(Level.OK, "lock file", "not needed by the nft backend")
    path = Path(settings.lock_file)
    remedy = "mount the host's file (hostPath, type FileOrCreate): legacy tables are zero for an instant on each write"
    if not path.exists():
        return Finding(Level.WARN, "lock file", f"{path} does not exist", remedy)
    with XtablesLock(path, settings.lock_wait).shared() as locked:
        if locked:
            return Finding(Level.OK, "lock file", str(path))
    return Finding(Level.WARN, "lock file", f"{path} could not be locked within {settings.lock_wait:g} s", remedy)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
