"""Reads the kernel's rulesets through `iptables-save` or `nft`: one run per IP version and scan."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from otel_calico.model import IPVersion
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
from otel_calico.sources.source import Dump, SourceError

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 60.0
"""Seconds after which all backends and IP versions are looked at anew: Felix may have switched, or begun with IPv6."""


_NO_TABLE = "*filter\nCOMMIT\n"
"""Stands for a table that the kernel does not have: it has been looked at, and has no rules."""

_NO_SUCH_TABLE = "Error: No such file or directory"
"""What `nft` says of a table that does not exist."""


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Of the `backends` the one that Felix uses is found."""

    backends: Collection[Backend] = tuple(Backend)
    lock: XtablesLock = field(default_factory=XtablesLock)
    limits: Limits = field(default_factory=Limits)


class KernelSource:
    """A Source over `iptables-save`, `ip6tables-save` and `nft`."""

    def __init__(self, settings: KernelSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._chosen: Backend | None = None
        self._ip_versions: tuple[IPVersion, ...] = ()
        self._looked: dict[Backend, tuple[str, ...]] = {}  # traffic seen at the last look
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

    def read(self) -> Sequence[Dump]:
        """Dumps of the IP versions that have Calico chains; at a look everywhere, of all that could be looked at.

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
        if (chosen is None or not chosen.calico) and ebpf.has_pinned_maps():
            raise SourceError("ebpf_dataplane", EBPF_DATAPLANE)
        if chosen is None:
            raise _no_tables(self._settings.backends)
        self._looked = {candidate.backend: candidate.traffic() for candidate in candidates}
        self._look_at = self._clock() + _LOOK_AGAIN
        if chosen.calico and chosen.backend is not self._chosen:
            versions = [version.value for version in chosen.calico]
            log.info("backend_found", backend=chosen.backend.value, ip_versions=versions)
            self._chosen = chosen.backend  # a table without Calico's chains tells nothing of Felix's choice
        self._ip_versions = chosen.calico
        return _dumps({**dict.fromkeys(chosen.without_table, _NO_TABLE), **chosen.texts})

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
                    self._programs[backend, version] = save_command(backend, version, self._commands)
                    texts |= self._texts(backend, (version,))
                except SourceError as error:
                    errors[backend, version] = error
            tables = {version: text for version, text in texts.items() if holds_table(text)}
            if tables:
                candidates.append(Candidate(backend, tables, without_table=tuple(texts.keys() - tables.keys())))
        return candidates, errors

    def _texts(self, backend: Backend, ip_versions: Iterable[IPVersion]) -> Mapping[IPVersion, str]:
        """Run the save program of each IP version, where there is one. Raises SourceError.

        A text is empty where the kernel has no table.
        """
        texts: dict[IPVersion, str] = {}
        for version in ip_versions:
            command = self._programs.get((backend, version))
            if command is None:
                continue
            in_use = backend is not Backend.LEGACY or legacy_filter_in_use(version)
            texts[version] = self._save(backend, command) if in_use else ""
        return texts

    def _save(self, backend: Backend, command: Sequence[str]) -> str:
        if backend is not Backend.LEGACY:  # one transaction of the kernel: no lock needed
            try:
                return self._commands.run(command, self._limits())
            except SourceError as error:
                if _NO_SUCH_TABLE in str(error):
                    return ""
                raise
        with self._settings.lock.shared(at_most=self._limits().seconds) as locked:
            self._locked &= locked
            return self._commands.run(command, self._limits())

    def _limits(self) -> Limits:
        """What is left for this scan."""
        return replace(self._settings.limits, seconds=max(0.0, self._deadline - self._clock()))


def _dumps(texts: Mapping[IPVersion, str]) -> Sequence[Dump]:
    return [Dump(version, text) for version, text in texts.items()]


def _no_tables(backends: Collection[Backend]) -> SourceError:
    if any(save_command(each, version, Commands()) for each in backends for version in IPVersion):
        names = " or ".join(backend.value for backend in backends)
        return SourceError("empty", f"the kernel has no table of Calico's ({names}): is calico-node running here?")
    message = "no iptables-save and no nft found: install the packages iptables and nftables"
    return SourceError("missing_binary", message)
