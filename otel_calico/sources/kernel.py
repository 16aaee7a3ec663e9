"""Finds which of the kernel's rulesets is Felix's, and reads it: one read per IP version, table and scan."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from otel_calico.calico.model import IPVersion, RulesetKey, Table
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.snapshot import EBPF_DATAPLANE
from otel_calico.sources import ebpf
from otel_calico.sources.backends import Backend, Candidate, Contents, has_calico_chains
from otel_calico.sources.command import Limits
from otel_calico.sources.in_force import InForceWatch
from otel_calico.sources.kernel_tables import KernelTables
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.netlink.native_table import NativeTable
from otel_calico.sources.ruleset_source import Dump, SourceError

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 60.0
"""Seconds after which all backends and IP versions are looked at anew: Felix may have switched, or begun with IPv6."""


_NO_TABLE = "*{}\nCOMMIT\n"
"""Stands for a table that the kernel does not have: it has been looked at, and has no rules."""


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Felix's settings name the `backends`; a table of its that is in force elsewhere goes before them.

    Without `netlink` native nftables is read by `nft`. Of iptables these `tables` are read beside `filter`; those of
    native nftables always are.
    """

    backends: Collection[Backend] = tuple(Backend)
    lock: XtablesLock = field(default_factory=XtablesLock)
    limits: Limits = field(default_factory=Limits)
    netlink: bool = True
    tables: Collection[Table] = ()


class KernelSource:
    """A RulesetSource over `iptables-save`, `ip6tables-save`, and nftables by netlink or `nft`.

    `endpoints` tells the interfaces of the workloads that the datastore has on this node.
    """

    notes = ()

    def __init__(
        self,
        settings: KernelSettings,
        clock: Callable[[], float] = time.monotonic,
        endpoints: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._clock = clock
        self._chosen: Backend | None = None
        self._ip_versions: tuple[IPVersion, ...] = ()
        self._watch = InForceWatch([backend.value for backend in settings.backends])
        self.in_force: TablesInForce | None = None
        self.former: Mapping[str, Sequence[Dump]] = {}
        self._seen: set[tuple[Backend, IPVersion]] = set()  # at any look
        self.unreadable: Sequence[tuple[IPVersion, str]] = ()
        self._look_at = 0.0
        self._hung: Backend | None = None
        self._tables = KernelTables(settings.lock, settings.limits, clock, netlink=settings.netlink)

    @property
    def backend(self) -> str:
        """The backend in use, empty before one was found."""
        return self._chosen.value if self._chosen else ""

    @property
    def unlocked(self) -> bool:
        """True if legacy tables were last read without the xtables lock."""
        return self._chosen is Backend.LEGACY and not self._tables.locked

    def look_again(self) -> None:
        """Let the next read be a look."""
        self._look_at = 0.0

    def read(self) -> Sequence[Dump]:
        """Dumps of the IP versions that have Calico chains; at a look everywhere, of all that could be looked at.

        While several tables are in force every read is such a look: the former ones are read too.
        A table that the kernel does not have is shown as one without rules: what is in it later was not there before.
        All reads of one scan together end within the time limit.
        """
        self._tables.begin()
        if self._chosen is None or not self._ip_versions or self.in_force or self._clock() >= self._look_at:
            return self._look()
        tables: dict[IPVersion, Contents] = {}
        for version in self._ip_versions:
            if (table := self._tables.read(self._chosen, version)) is not None:
                tables[version] = table
        if not all(map(has_calico_chains, tables.values())):
            return self._look()  # Felix may have switched its backend, or ended IPv6
        return self._with_others(self._chosen, self._dumps(self._chosen, tables))

    def close(self) -> None:
        """End what runs now. From any thread."""
        self._tables.stop()

    def _look(self) -> Sequence[Dump]:
        """Read everything, and choose the backend whose ruleset is Felix's.

        Raises SourceError where none is and one could not be read, and where one in use could not: that says nothing
        of whether its rules are gone.
        """
        self._look_at = self._clock() + _LOOK_AGAIN
        candidates, errors = self._candidates()
        for version in self._ip_versions:
            if self._chosen and (self._chosen, version) in errors:
                raise errors[self._chosen, version]
        told = self._watch.look(candidates, self._endpoints())
        chosen = self._choose(candidates, errors, told)
        if chosen.calico and chosen.backend is not self._chosen:
            versions = [version.value for version in chosen.calico]
            log.info("backend_found", backend=chosen.backend.value, ip_versions=versions)
            self._chosen = chosen.backend  # a table without Calico's chains tells nothing of Felix's choice
        self._ip_versions = chosen.calico
        self.unreadable = [
            (version, str(error)) for (backend, version), error in errors.items() if backend is chosen.backend
        ]
        # Of a program that was installed only now nobody knows what its rules counted before.
        first = [version for version in chosen.tables if (chosen.backend, version) not in self._seen]
        self._seen |= {(candidate.backend, version) for candidate in candidates for version in candidate.tables}
        former = [one for one in candidates if told and one.backend.value in told.former]
        self.in_force = told
        self.former = {one.backend.value: self._dumps(one.backend, one.tables) for one in former}
        return self._with_others(chosen.backend, self._dumps(chosen.backend, chosen.tables, first))

    def _choose(
        self,
        candidates: Sequence[Candidate],
        errors: Mapping[tuple[Backend, IPVersion], SourceError],
        told: TablesInForce | None,
    ) -> Candidate:
        """The one that is shown. Raises SourceError."""
        chosen = max(candidates, key=lambda candidate: self._rank(candidate, told), default=None)
        if chosen is None or not chosen.calico:
            for (backend, _), error in errors.items():
                if backend in self._settings.backends:
                    raise error
            if ebpf.has_pinned_maps():
                raise SourceError("ebpf_dataplane", EBPF_DATAPLANE)
        if chosen is None or (not chosen.calico and self._lacks_programs):
            message = "no iptables-save and no nft found: install the packages iptables and nftables"
            raise SourceError("missing_binary", message)
        return chosen

    @property
    def _lacks_programs(self) -> bool:
        """True if tables of iptables are to be looked at, and nothing can show them."""
        return not self._tables.has_programs and set(self._settings.backends) != {Backend.NFTABLES}

    def _rank(
        self, candidate: Candidate, told: TablesInForce | None
    ) -> tuple[bool, bool, bool, bool, tuple[bool, int]]:
        """Felix's is in force, and of several the one that is told. Else the choice stays as it was."""
        return (
            candidate.entered and (told is None or candidate.backend.value == told.current),
            candidate.backend in self._settings.backends,
            bool(candidate.calico),
            candidate.backend is self._chosen,
            candidate.size,
        )

    def _candidates(self) -> tuple[Sequence[Candidate], Mapping[tuple[Backend, IPVersion], SourceError]]:
        """What each backend shows, and what could not be read.

        The chosen one is read first, and last the one whose program used up the time before: others have time then.
        """
        candidates: list[Candidate] = []
        errors: dict[tuple[Backend, IPVersion], SourceError] = {}
        hung, self._hung = self._hung, None
        backends = dict.fromkeys((*self._settings.backends, *Backend))
        for backend in sorted(backends, key=lambda one: (one is not self._chosen, one is hung)):
            tables: dict[IPVersion, Contents] = {}
            for version in IPVersion:
                in_use = backend is self._chosen and version in self._ip_versions
                try:
                    table = self._tables.look(backend, version, in_use=in_use)
                except SourceError as error:
                    errors[backend, version] = error
                    if error.kind == "time_limit" and self._hung is None:
                        self._hung = backend
                    continue
                if table is not None:
                    tables[version] = table
            if tables:
                candidates.append(Candidate(backend, tables))
        return candidates, errors

    def _dumps(
        self, backend: Backend, tables: Mapping[IPVersion, Contents], first: Collection[IPVersion] = ()
    ) -> Sequence[Dump]:
        refusal = self._tables.refusal if backend is Backend.NFTABLES else ""
        return [
            _native(version, contents, first_look=version in first)
            if isinstance(contents, NativeTable)
            else _printed(backend, RulesetKey(version), contents, first_look=version in first, refusal=refusal)
            for version, contents in tables.items()
        ]

    def _with_others(self, backend: Backend, dumps: Sequence[Dump]) -> Sequence[Dump]:
        """The dumps, and those of the other tables of iptables that are to be read. Raises SourceError."""
        if backend is Backend.NFTABLES:
            return dumps
        others = [
            _printed(backend, key, self._tables.read_beside(backend, key), first_look=dump.first_look)
            for dump in dumps
            for table in self._settings.tables
            if (key := RulesetKey(dump.ip_version, table)) != dump.key
        ]
        return [*dumps, *others]


def _printed(backend: Backend, key: RulesetKey, text: str, *, first_look: bool, refusal: str = "") -> Dump:
    return Dump(
        key.ip_version,
        text or _NO_TABLE.format(key.table.value),
        first_look=first_look,
        reader="nft" if backend is Backend.NFTABLES else "iptables-save",
        refusal=refusal,
        table=key.table,
    )


def _native(version: IPVersion, table: NativeTable, *, first_look: bool) -> Dump:
    return Dump(version, ruleset=table.ruleset, octets=table.octets, first_look=first_look, reader="netlink")
