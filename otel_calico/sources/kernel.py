"""Reads the kernel's rulesets through `iptables-save` or `nft`: one run per IP version and scan."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from otel_calico.calico.model import IPVersion
from otel_calico.series import EBPF_DATAPLANE
from otel_calico.sources import ebpf
from otel_calico.sources.backends import (
    Backend,
    Candidate,
    has_calico_chains,
    holds_table,
    legacy_filter_in_use,
    save_command,
)
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.ruleset_source import Dump, SourceError

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 60.0
"""Seconds after which all backends and IP versions are looked at anew: Felix may have switched, or begun with IPv6."""


_NO_TABLE = "*filter\nCOMMIT\n"
"""Stands for a table that the kernel does not have: it has been looked at, and has no rules."""

_QUOTED = 80
"""Characters of a program's output that are told where it is no table."""

_NO_SUCH_TABLE = "Error: No such file or directory"
"""What `nft` says of a table that does not exist."""

_SET_IS_GONE = "in kernel doesn't exist"
"""What `iptables-nft-save` says when it gives up: Felix destroyed an IP set before its rule was printed."""

_ATTEMPTS = 3
"""How often a table is saved at most where that happens."""


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Of the `backends` the one that Felix uses is found."""

    backends: Collection[Backend] = tuple(Backend)
    lock: XtablesLock = field(default_factory=XtablesLock)
    limits: Limits = field(default_factory=Limits)


class KernelSource:
    """A RulesetSource over `iptables-save`, `ip6tables-save` and `nft`."""

    def __init__(self, settings: KernelSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._chosen: Backend | None = None
        self._ip_versions: tuple[IPVersion, ...] = ()
        self._looked: dict[Backend, tuple[str, ...]] = {}  # traffic seen at the last look
        self._seen: set[tuple[Backend, IPVersion]] = set()  # at any look
        self._unreadable: Sequence[tuple[IPVersion, str]] = ()
        self._look_at = 0.0
        self._locked = True
        self._programs: dict[tuple[Backend, IPVersion], Sequence[str] | None] = {}  # found on PATH at the last look
        self._commands = Commands()
        self._deadline = 0.0

    @property
    def backend(self) -> str:
        """The backend in use, empty before one was found."""
        return self._chosen.value if self._chosen else ""

    @property
    def unlocked(self) -> bool:
        """True if legacy tables were last read without the xtables lock."""
        return self._chosen is Backend.LEGACY and not self._locked

    @property
    def unreadable(self) -> Sequence[tuple[IPVersion, str]]:
        """IP versions that the backend's program could not read when all were looked at, and why."""
        return self._unreadable

    @property
    def notes(self) -> Sequence[str]:
        """None."""
        return ()

    def read(self) -> Sequence[Dump]:
        """Dumps of the IP versions that have Calico chains; at a look everywhere, of all that could be looked at.

        A table that the kernel does not have is shown as one without rules: what is in it later was not there before.
        All reads of one scan together end within the time limit.
        """
        self._locked = True
        self._deadline = self._clock() + self._settings.limits.seconds
        if self._chosen is None or not self._ip_versions or self._clock() >= self._look_at:
            return self._look()
        texts = self._texts(self._chosen, self._ip_versions)
        if not all(map(has_calico_chains, texts.values())):
            return self._look()  # Felix may have switched its backend, or ended IPv6
        return _dumps(texts)

    def close(self) -> None:
        """End what runs now. From any thread."""
        self._commands.stop()

    def _look(self) -> Sequence[Dump]:
        """Read everything, and choose the backend whose ruleset is Felix's.

        Raises SourceError where none is and one could not be read, and where one in use could not: that says nothing
        of whether its rules are gone.
        """
        candidates, errors = self._candidates()
        for version in self._ip_versions:
            if self._chosen and (self._chosen, version) in errors:
                raise errors[self._chosen, version]
        chosen = max(candidates, key=self._rank, default=None)
        if chosen is None or not chosen.calico:
            for error in errors.values():
                raise error
            if ebpf.has_pinned_maps():
                raise SourceError("ebpf_dataplane", EBPF_DATAPLANE)
        if chosen is None:
            message = "no iptables-save and no nft found: install the packages iptables and nftables"
            raise SourceError("missing_binary", message)
        self._looked = {candidate.backend: candidate.traffic() for candidate in candidates}
        self._look_at = self._clock() + _LOOK_AGAIN
        if chosen.calico and chosen.backend is not self._chosen:
            versions = [version.value for version in chosen.calico]
            log.info("backend_found", backend=chosen.backend.value, ip_versions=versions)
            self._chosen = chosen.backend  # a table without Calico's chains tells nothing of Felix's choice
        self._ip_versions = chosen.calico
        self._unreadable = [
            (version, str(error)) for (backend, version), error in errors.items() if backend is chosen.backend
        ]
        # Of a program that was installed only now nobody knows what its rules counted before.
        first = [version for version in chosen.texts if (chosen.backend, version) not in self._seen]
        self._seen |= {(candidate.backend, version) for candidate in candidates for version in candidate.texts}
        return _dumps(chosen.texts, first)

    def _rank(self, candidate: Candidate) -> tuple[bool, bool, bool, bool, tuple[bool, int], bool]:
        """Of two that both look like Felix's (one left over after a switch) the one whose counters move.

        In quiet times the choice stays as it was; the first falls on native nftables, or the larger.
        """
        before = self._looked.get(candidate.backend)
        moving = before is not None and candidate.traffic() != before
        chosen = candidate.backend is self._chosen
        legacy = candidate.backend is Backend.LEGACY
        return candidate.entered, bool(candidate.calico), moving, chosen, candidate.size, legacy

    def _candidates(self) -> tuple[Sequence[Candidate], Mapping[tuple[Backend, IPVersion], SourceError]]:
        """What each backend shows, and what could not be read."""
        candidates: list[Candidate] = []
        errors: dict[tuple[Backend, IPVersion], SourceError] = {}
        for backend in self._settings.backends:
            texts: dict[IPVersion, str] = {}
            for version in IPVersion:
                try:
                    self._programs[backend, version] = self._program(backend, version)
                    texts |= self._texts(backend, (version,))
                except SourceError as error:
                    errors[backend, version] = error
            if texts:
                candidates.append(Candidate(backend, texts))
        return candidates, errors

    def _program(self, backend: Backend, version: IPVersion) -> Sequence[str] | None:
        """What dumps a table; None where there is nothing. Raises SourceError."""
        former, program = self._programs.get((backend, version)), save_command(backend, version, self._commands)
        if former and program is None and backend is self._chosen and version in self._ip_versions:
            # Such as while a package is upgraded. Its rules are still there, and no new ones when it is back.
            raise SourceError("missing_binary", f"{former[0]} is no longer installed: install its package again")
        return program

    def _texts(self, backend: Backend, ip_versions: Iterable[IPVersion]) -> Mapping[IPVersion, str]:
        """Run the save program of each IP version, where there is one. Raises SourceError.

        An empty text stands for a table that the kernel does not have.
        """
        texts: dict[IPVersion, str] = {}
        for version in ip_versions:
            command = self._programs.get((backend, version))
            if command is None:
                continue
            in_use = backend is not Backend.LEGACY or legacy_filter_in_use(version)
            text = self._save(backend, command) if in_use else None
            texts[version] = text or ""
            if text is not None and not holds_table(text):
                # Not taken for a table without rules: all that it holds would be new when the program prints it again.
                raise SourceError("empty", f"{command[0]} printed no table: {text[:_QUOTED]!r}")
        return texts

    def _save(self, backend: Backend, command: Sequence[str]) -> str | None:
        if backend is not Backend.LEGACY:  # one transaction of the kernel: no lock needed
            return self._save_unlocked(command)
        with self._settings.lock.shared(at_most=self._limits().seconds) as locked:
            self._locked &= locked
            return self._commands.run(command, self._limits())

    def _save_unlocked(self, command: Sequence[str], attempts: int = _ATTEMPTS) -> str | None:
        try:
            return self._commands.run(command, self._limits())
        except SourceError as error:
            if _NO_SUCH_TABLE in str(error):
                return None
            if _SET_IS_GONE in str(error) and attempts > 1:
                return self._save_unlocked(command, attempts - 1)
            raise

    def _limits(self) -> Limits:
        """What is left for this scan."""
        return Limits(max(0.0, self._deadline - self._clock()), self._settings.limits.octets)


def _dumps(texts: Mapping[IPVersion, str], first: Collection[IPVersion] = ()) -> Sequence[Dump]:
    return [Dump(version, text or _NO_TABLE, first_look=version in first) for version, text in texts.items()]
