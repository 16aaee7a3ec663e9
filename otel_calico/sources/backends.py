"""The three places where Felix may write rules, the programs that print them, and which of two dumps is Felix's.

Felix chooses by its own rules, which changed thrice (`felix/environment/feature_detect_linux.go`,
`felix/nftables/utils.go`). The outcome is in the kernel, so the ruleset itself is looked for instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from otel_calico.calico.model import IPVersion, RulesetKey, Table
from otel_calico.calico.tables_in_force import TableSigns
from otel_calico.files import read_kernel_file
from otel_calico.ruleset.signs import entry, signs_of_ruleset, signs_of_text
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.netlink.native_table import NativeTable
from otel_calico.sources.ruleset_source import SourceError

_TABLES_IN_USE = {IPVersion.V4: "/proc/net/ip_tables_names", IPVersion.V6: "/proc/net/ip6_tables_names"}
_IPTABLES = {IPVersion.V4: "iptables", IPVersion.V6: "ip6tables"}
_NFTABLES = {IPVersion.V4: "ip", IPVersion.V6: "ip6"}
Contents = str | NativeTable
"""A table as a program printed it, or as it was read from the kernel."""


class Backend(Enum):
    """Where Felix writes: with `iptables` to the kernel's old or new packet filter, or natively to the new one."""

    LEGACY = "legacy"
    NFT = "nft"
    NFTABLES = "nftables"


def legacy_in_use(key: RulesetKey) -> bool:
    """True if the kernel has this legacy table.

    `iptables-legacy-save` loads the legacy modules where they are not loaded, so it must not run otherwise.
    """
    try:
        return key.table.value in read_kernel_file(_TABLES_IN_USE[key.ip_version]).split()
    except FileNotFoundError:
        return False
    except PermissionError:
        message = f"{_TABLES_IN_USE[key.ip_version]} may not be read: run as root"
        raise SourceError("no_permission", message) from None


def of_table(command: Sequence[str], table: Table) -> Sequence[str]:
    """The same program of iptables, for another table."""
    return [table.value if word == Table.FILTER.value else word for word in command]


def save_command(backend: Backend, ip_version: IPVersion, commands: Commands) -> tuple[str, ...] | None:
    """The program that dumps the table with counters; None where this machine has none for the backend."""
    if backend is Backend.NFTABLES:
        if shutil.which("nft") is None:
            return None
        # Terse: sets may have thousands of addresses, which nobody here asks for.
        return "nft", "-j", "-t", "list", "table", _NFTABLES[ip_version], "calico"
    program = f"{_IPTABLES[ip_version]}-{backend.value}-save"
    if shutil.which(program) is None:
        program = f"{_IPTABLES[ip_version]}-save"
        if shutil.which(program) is None or _backend_of(program, commands) is not backend:
            return None
    return program, "-t", Table.FILTER.value, "-c"


def _backend_of(program: str, commands: Commands) -> Backend:
    version = commands.run((program, "--version"), Limits(seconds=2, octets=4096))
    return Backend.NFT if "nf_tables" in version else Backend.LEGACY  # before 1.8 there was no other


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one backend shows of the IP versions that could be looked at; empty texts where the kernel has no table."""

    backend: Backend
    tables: Mapping[IPVersion, Contents]

    @property
    def calico(self) -> tuple[IPVersion, ...]:
        """IP versions with Calico chains."""
        return tuple(version for version, table in self.tables.items() if has_calico_chains(table))

    @property
    def entered(self) -> bool:
        """True if forwarded packets come into Calico's chains."""
        return any(map(_is_entered, self.tables.values()))

    def signs(self) -> TableSigns:
        """What tells whether it is the one that Felix keeps."""
        return TableSigns.together(map(_signs, self.tables.values()))

    @property
    def size(self) -> tuple[bool, int]:
        """Orders candidates of which nothing else tells which is Felix's: native nftables is what it moves to."""
        size = sum(table.octets if isinstance(table, NativeTable) else len(table) for table in self.tables.values())
        return self.backend is Backend.NFTABLES and size > 0, size


def holds_table(text: str, table: Table = Table.FILTER) -> bool:
    """True if a dump has the table that it is of."""
    return text.startswith("{") or f"*{table.value}\n" in text


def has_calico_chains(table: Contents) -> bool:
    """True if a table has a chain of Calico's."""
    if isinstance(table, NativeTable):
        return bool(table.ruleset.declared)
    text = table
    return ('"name": "filter-cali-' if text.startswith("{") else "\n:cali-") in text


def _is_entered(table: Contents) -> bool:
    return table.entered is not None if isinstance(table, NativeTable) else bool(entry(table))


def _signs(table: Contents) -> TableSigns:
    if isinstance(table, NativeTable):
        return signs_of_ruleset(table.ruleset, table.entered or 0)
    return signs_of_text(table)
