"""Reads one table of the kernel at a time: native nftables over netlink, everything else as a program prints it.

Where netlink is refused, `nft` prints the native table too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from otel_calico.calico.model import IPVersion, RulesetKey, Table
from otel_calico.sources.backends import (
    Backend,
    Contents,
    holds_table,
    legacy_in_use,
    of_table,
    save_command,
)
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.netlink.messages import NetlinkError
from otel_calico.sources.netlink.native_tables import NativeTables
from otel_calico.sources.ruleset_source import SourceError

log = structlog.get_logger(__name__)

_QUOTED = 80
"""Characters of a program's output that are told where it is no table."""

_NO_SUCH_TABLE = "Error: No such file or directory"
"""What `nft` says of a table that does not exist."""

_SET_IS_GONE = "in kernel doesn't exist"
"""What `iptables-nft-save` says when it gives up: Felix destroyed an IP set before its rule was printed."""

_ATTEMPTS = 3
"""How often a table is saved at most where that happens."""


class KernelTables:
    """Reads tables; those of one scan within one time limit, which begins with `begin`."""

    def __init__(self, lock: XtablesLock, limits: Limits, clock: Callable[[], float], *, netlink: bool) -> None:
        self._lock = lock
        self._limits = limits
        self._clock = clock
        self._deadline = 0.0
        self._commands = Commands()
        self._native = NativeTables() if netlink else None
        self._programs: dict[tuple[Backend, IPVersion], Sequence[str] | None] = {}  # found on PATH at the last look
        self._told = ""
        self.locked = True
        self.refusal = "" if netlink else "iptables.nftables_reader is nft"

    def begin(self) -> None:
        """Begin a scan."""
        self.locked = True
        self._deadline = self._clock() + self._limits.seconds

    @property
    def has_programs(self) -> bool:
        """True if any of those that were looked for was found."""
        return any(self._programs.values())

    def stop(self) -> None:
        """End what runs now. From any thread."""
        self._commands.stop()
        if self._native:
            self._native.stop()

    def look(self, backend: Backend, version: IPVersion, *, in_use: bool) -> Contents | None:
        """Find out anew how a table can be read, and read it; None where this machine has no way to.

        Raises SourceError, also for a table `in_use` that can no longer be read.
        """
        command = save_command(backend, version, self._commands)
        if backend is Backend.NFTABLES and self._native:
            self.refusal = ""  # what was refused may be granted now
        elif in_use and command is None and (former := self._programs[backend, version]):
            # Such as while a package is upgraded. Its rules are still there, and no new ones when it is back: the
            # program is remembered, so that every look until then says so.
            raise SourceError("missing_binary", f"{former[0]} is no longer installed: install its package again")
        self._programs[backend, version] = command
        try:
            return self.read(backend, version)
        except SourceError as error:
            if error.kind == "netlink" and not in_use:  # a kernel without nftables, where nothing is missed
                return None
            raise

    def read(self, backend: Backend, version: IPVersion) -> Contents | None:
        """A table; an empty text if the kernel has none, None where this machine has no way to tell.

        Raises SourceError.
        """
        if backend is Backend.NFTABLES and self._native and not self.refusal:
            try:
                table = self._native.read(version, self._left())
            except NetlinkError as error:
                self._refused(error)
                if self._programs.get((backend, version)) is None:
                    kind = "no_permission" if error.refused else "netlink"
                    raise SourceError(kind, f"{error}, and nft is not installed either") from error
            else:
                self._granted()
                return table or ""
        return self._printed(backend, version)

    def read_beside(self, backend: Backend, key: RulesetKey) -> str:
        """Another table of iptables than `filter`, which was read; an empty text if the kernel has none.

        Raises SourceError.
        """
        return self._printed(backend, key.ip_version, key.table) or ""

    def _refused(self, error: NetlinkError) -> None:
        self.refusal = str(error)
        if self.refusal != self._told:
            log.warning("netlink_refused", reason=self.refusal, instead="nft")
        self._told = self.refusal

    def _granted(self) -> None:
        if self._told:
            log.info("netlink_granted")
        self._told = ""

    def _printed(self, backend: Backend, version: IPVersion, table: Table = Table.FILTER) -> str | None:
        """What the table's program prints. Raises SourceError."""
        command = self._programs.get((backend, version))
        if command is None:
            return None
        in_use = backend is not Backend.LEGACY or legacy_in_use(RulesetKey(version, table))
        text = self._save(backend, of_table(command, table)) if in_use else None
        if text is not None and not holds_table(text, table):
            # Not taken for a table without rules: all that it holds would be new when the program prints it again.
            raise SourceError("empty", f"{command[0]} printed no table: {text[:_QUOTED]!r}")
        return text or ""

    def _save(self, backend: Backend, command: Sequence[str]) -> str | None:
        if backend is not Backend.LEGACY:  # one transaction of the kernel: no lock needed
            return self._save_unlocked(command)
        with self._lock.shared(at_most=self._left().seconds) as locked:
            self.locked &= locked
            return self._commands.run(command, self._left())

    def _save_unlocked(self, command: Sequence[str], attempts: int = _ATTEMPTS) -> str | None:
        try:
            return self._commands.run(command, self._left())
        except SourceError as error:
            if _NO_SUCH_TABLE in str(error):
                return None
            if _SET_IS_GONE in str(error) and attempts > 1:
                return self._save_unlocked(command, attempts - 1)
            raise

    def _left(self) -> Limits:
        """What is left for this scan."""
        return Limits(max(0.0, self._deadline - self._clock()), self._limits.octets)
