"""Checks the machine: node name, capabilities, programs, lock file, web configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from otel_calico.calico.model import IPVersion
from otel_calico.check.finding import Finding, Level
from otel_calico.config import IptablesSettings, NodeSettings, WebSettings
from otel_calico.service.wiring import StartError, build_protection
from otel_calico.sources.backends import Backend, save_command
from otel_calico.sources.capabilities import has_capability
from otel_calico.sources.command import Commands
from otel_calico.sources.lock import XtablesLock

_CAPABILITIES = ("NET_ADMIN", "NET_RAW")

_INSTALL = "install the packages iptables (1.8 or later) and nftables"


def check_node_name(node: NodeSettings) -> Finding:
    """Under which name the node's workloads are looked for."""
    return Finding(Level.OK, "node name", f"{node.name} ({node.name_source})")


def check_capabilities() -> Finding:
    """Whether the kernel will let the rules be read."""
    if os.geteuid() != 0:
        return Finding(
            Level.FAIL,
            "permission",
            f"running as user {os.geteuid()}",
            "run as root: iptables-save and nft ask for uid 0",
        )
    missing = [name for name in _CAPABILITIES if not has_capability(name)]
    if missing:
        remedy = "add them to securityContext.capabilities.add of the container"
        return Finding(Level.FAIL, "permission", f"root without {' and '.join(missing)}", remedy)
    return Finding(Level.OK, "permission", f"root with {' and '.join(_CAPABILITIES)}")


def check_programs() -> Finding:
    """Which programs can be run here that print the tables of a backend."""
    found = {backend: save_command(backend, IPVersion.V4, Commands()) for backend in Backend}
    text = ", ".join(f"{command[0]} ({backend.value})" for backend, command in found.items() if command)
    # Native nftables is read without a program.
    missing = [backend.value for backend, command in found.items() if not command and backend is not Backend.NFTABLES]
    if not text:
        text = "no iptables-save, no nft"
    if missing:
        return Finding(Level.WARN, "programs", text, f"if Felix writes to {' or '.join(missing)}: {_INSTALL}")
    return Finding(Level.OK, "programs", text)


def check_lock(settings: IptablesSettings, backend: str) -> Finding:
    """Whether reads of legacy tables can be kept apart from writes."""
    if backend in {Backend.NFT.value, Backend.NFTABLES.value}:
        return Finding(Level.OK, "lock file", f"not needed by the {backend} backend")
    path = Path(settings.lock_file)
    remedy = "mount the host's file (hostPath, type FileOrCreate): legacy tables are zero for an instant on each write"
    if not path.exists():
        return Finding(Level.WARN, "lock file", f"{path} does not exist", remedy)
    with XtablesLock(path, settings.lock_wait).shared() as locked:
        if locked:
            return Finding(Level.OK, "lock file", str(path))
    return Finding(Level.WARN, "lock file", f"{path} could not be locked within {settings.lock_wait:g} s", remedy)


def check_web_config(settings: WebSettings) -> Iterator[Finding]:
    """Whether the HTTP server can start as its file says, each problem for itself; nothing where there is no file."""
    try:
        protection = build_protection(settings)
    except StartError as error:
        remedy = "mend the file (docs/web.md): serve does not start with it"
        yield from (Finding(Level.FAIL, "web config", problem, remedy) for problem in str(error).splitlines())
        return
    if protection:
        asked = {
            "TLS": protection.current.context,
            "client certificates": protection.current.requires_certificate,
            "users": protection.current.users,
        }
        text = ", ".join(word for word, wanted in asked.items() if wanted) or "everybody may ask"
        yield Finding(Level.OK, "web config", f"{settings.config_file}: {text}")
