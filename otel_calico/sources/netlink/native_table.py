"""Table `calico` of one IP version, read so that what comes out is of one generation of the kernel's rules.

It is read chain by chain. A dump of the whole table would be one request, but for each part of it that it hands out
the kernel counts through all rules from the first on: 51,000 rules cost it ten times what a thousand dumps of a chain
each cost (docs/decisions/0006-netlink.md). Meanwhile transactions are listened to, and the chains that one touched are
read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.layers import key_of
from otel_calico.ruleset.ruleset import Layout, Ruleset
from otel_calico.sources.netlink.chain_list import FAMILIES, TABLE, ChainList, list_chains
from otel_calico.sources.netlink.chain_messages import ChainMessages, NewChains
from otel_calico.sources.netlink.changes import Changes, Touched
from otel_calico.sources.netlink.connection import Connection
from otel_calico.sources.netlink.messages import NetlinkError, messages, number, request, values

MOST_READS = 10
"""Reads of one scan, of which only the first is of all chains."""

_GET_GENERATION, _GENERATION_ID = 16, 1  # NFT_MSG_GETGEN, NFTA_GEN_ID


class UnsettledError(NetlinkError):
    """Rules changed faster than they could be read."""


@dataclass(frozen=True, slots=True)
class NativeTable:
    """What one scan found: `octets` were read, in so many `reads`.

    `entered` are the packets of the rule that leads forwarded ones into Calico's chains, None if there is none.
    """

    ruleset: Ruleset
    octets: int = 0
    entered: int | None = None
    reads: int = 1


@dataclass(frozen=True, slots=True)
class Access:
    """What a read is done with. `before_each` is called before each request, and may raise; `limit` is in bytes."""

    connection: Connection
    changes: Changes
    before_each: Callable[[], object]
    limit: int

    def generation(self) -> int:
        """The number of the last transaction. Raises NetlinkError."""
        answer = self.connection.ask(request(_GET_GENERATION, 0))
        (message,) = messages(answer)
        return number(values(answer, message.start, message.end).get(_GENERATION_ID, b""))


class NativeTableReader:
    """Reads one table, scan after scan; chains that did not change are the same objects as before."""

    def __init__(self, ip_version: IPVersion) -> None:
        self._ip_version = ip_version
        self._listed = ChainList()
        self._listed_in: int | None = None  # generation
        self._known: Mapping[str, ChainMessages] = {}  # by the kernel's name, the chains that have rules
        self._ruleset = Ruleset({}, {}, "")

    def read(self, access: Access) -> NativeTable | None:
        """The table; None if there is none. Raises NetlinkError."""
        with access.changes.listening():
            generation = access.generation()
            access.changes.follow(generation)
            reading = _Reading(access, self._listed, self._known)
            touched = Touched(all=True, names=generation != self._listed_in)
            for reads in range(1, MOST_READS + 1):
                if touched.names:
                    reading.list_chains(self._ip_version)
                again = reading.read_chains(touched)
                after = access.generation()
                touched = access.changes.until(after, FAMILIES[self._ip_version])
                touched.names |= reading.listed.interrupted
                touched.chains |= again
                if not touched:
                    self._listed_in = after
                    return self._table(reading, reads)
        raise UnsettledError(f"{MOST_READS} reads of table {TABLE} were all overtaken by changes of its rules")

    def _table(self, reading: _Reading, reads: int) -> NativeTable | None:
        former = self._ruleset
        self._listed = reading.listed
        self._known = {name: found for name in reading.listed.requests if (found := reading.found[name])}
        chains = {key_of(name): found.chain for name, found in self._known.items()}
        layouts: Mapping[str, Layout] = {name: chain.layout for name, chain in chains.items()}
        declared = reading.listed.declared
        if layouts == former.layouts:  # the same objects: layouts are compared by identity
            self._ruleset = replace(former, chains=chains, declared=declared)
        else:
            rules, unread = sum(map(len, layouts.values())), sum(layout.malformed for layout in layouts.values())
            repeated = sum(found.repeated for found in self._known.values())
            self._ruleset = Ruleset(chains, layouts, declared, rules, unread, repeated=repeated)
        if not reading.listed.table:
            return None
        return NativeTable(self._ruleset, sum(reading.octets.values()), _entered(self._known.values()), reads)


class _Reading:
    """What one scan has read of the table so far. A chain without rules is None."""

    def __init__(self, access: Access, listed: ChainList, known: Mapping[str, ChainMessages]) -> None:
        self.listed = listed
        self.found: dict[str, ChainMessages | None] = {}
        self.octets: dict[str, int] = {}
        self._access = access
        self._known = known
        self._new = NewChains()

    def list_chains(self, ip_version: IPVersion) -> None:
        """Ask for the names of all chains, and forget those that are gone."""
        listed = list_chains(self._access.connection, ip_version, self._access.limit)
        if not listed.continues(self.listed):
            self._known = {}
            self.found.clear()
        self.found = {name: self.found[name] for name in listed.requests if name in self.found}
        self.listed = listed

    def read_chains(self, touched: Touched) -> set[str]:
        """Read what was touched, and what was not read yet. The chains whose rules changed while they were read."""
        if touched.all:
            self.found.clear()
        interrupted: set[str] = set()
        access = self._access
        for name, message in self.listed.requests.items():
            if name in self.found and name not in touched.chains:
                continue
            access.before_each()
            size, changed = access.connection.dump(message, access.limit)
            self.octets[name] = size
            self.found[name] = self._taken_apart(name, size) if size else None
            if changed:
                interrupted.add(name)
        return interrupted

    def _taken_apart(self, name: str, size: int) -> ChainMessages:
        buffer, known = self._access.connection.buffer, self._known.get(name)
        if known and known.takes(buffer, size):
            return known
        return self._new.read(key_of(name), bytes(buffer[:size]))


def _entered(chains: Iterable[ChainMessages]) -> int | None:
    for found in chains:
        if found.entry is not None:
            return found.chain.packets([found.entry])[0]
    return None
