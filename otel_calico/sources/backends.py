"""The two iptables backends, their programs, and which of two dumps is Felix's. No I/O but looking for programs.

Felix chooses its backend by its own rules, which changed twice (`felix/environment/feature_detect_linux.go`). The
outcome is in the kernel, so the ruleset itself is looked for instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from otel_calico.model import IPVersion
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.source import SourceError

_TABLES_IN_USE = {IPVersion.V4: Path("/proc/net/ip_tables_names"), IPVersion.V6: Path("/proc/net/ip6_tables_names")}
_FAMILY = {IPVersion.V4: "iptables", IPVersion.V6: "ip6tables"}


class Backend(Enum):
    """Which of the kernel's two packet filters `iptables` speaks to."""

    LEGACY = "legacy"
    NFT = "nft"


def legacy_filter_in_use(ip_version: IPVersion) -> bool:
    """True if the kernel has a legacy filter table.

    `iptables-legacy-save` loads the legacy modules where they are not loaded, so it must not run otherwise.
    """
    try:
        return "filter" in _TABLES_IN_USE[ip_version].read_text().split()
    except FileNotFoundError:
        return False
    except PermissionError:
        message = f"{_TABLES_IN_USE[ip_version]} may not be read: run as root"
        raise SourceError("no_permission", message) from None


def save_command(backend: Backend, ip_version: IPVersion, commands: Commands) -> tuple[str, ...] | None:
    """The program that dumps the filter table with counters; None where this machine has none for the backend."""
    program = f"{_FAMILY[ip_version]}-{backend.value}-save"
    if shutil.which(program) is None:
        program = f"{_FAMILY[ip_version]}-save"
        if shutil.which(program) is None or _backend_of(program, commands) is not backend:
            return None
    return program, "-t", "filter", "-c"


def _backend_of(program: str, commands: Commands) -> Backend:
    version = commands.run((program, "--version"), Limits(seconds=2, octets=4096))
    return Backend.NFT if "nf_tables" in version else Backend.LEGACY  # before 1.8 there was no other


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one backend shows: the dump of each IP version that has a table, and the IP versions without one."""

    backend: Backend
    texts: Mapping[IPVersion, str]
    without_table: tuple[IPVersion, ...] = ()

    @property
    def calico(self) -> tuple[IPVersion, ...]:
        """IP versions with Calico chains."""
        return tuple(version for version, text in self.texts.items() if has_calico_chains(text))

    @property
    def weight(self) -> tuple[bool, bool, int]:
        """Orders candidates: Felix's entry rule is in place, any Calico chains, size."""
        texts = self.texts.values()
        return any(bool(_entry(text)) for text in texts), any(map(has_calico_chains, texts)), sum(map(len, texts))

    def traffic(self) -> tuple[str, ...]:
        """The counted rules that lead into Calico's chains; they differ from an earlier look's if packets came."""
        return tuple(map(_entry, self.texts.values()))


def has_calico_chains(text: str) -> bool:
    """True if a dump declares a chain of Calico's."""
    return "\n:cali-" in text


def _entry(text: str) -> str:
    """The rule that leads forwarded packets into Calico's chains, with its counters; empty if there is none."""
    jump = text.find("-j cali-FORWARD")
    return text[text.rfind("\n", 0, jump) + 1 : jump] if jump >= 0 else ""
