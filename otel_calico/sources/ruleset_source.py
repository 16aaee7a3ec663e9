"""The interface of every source of rulesets, and its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from otel_calico.calico.model import IPVersion, RulesetKey, Table
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.ruleset.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class Dump:
    """The rules of one table of an IP version; with native nftables those of all its tables.

    `text` is what `iptables-save -t TABLE -c` or `nft -j list table ip calico` prints. A source that reads rules
    otherwise gives the `ruleset`, made of `octets` bytes.
    `first_look` says that nobody could look at this table before: what its rules counted by now is history.
    `reader` read it: `iptables-save`, `nft` or `netlink`; empty for what was saved. `refusal` says why `netlink`, which
    costs least, could not.
    """

    ip_version: IPVersion
    text: str = ""
    first_look: bool = False
    ruleset: Ruleset | None = None
    octets: int = 0
    reader: str = ""
    refusal: str = ""
    table: Table = Table.FILTER

    @property
    def key(self) -> RulesetKey:
        """Which ruleset it is of; with native nftables the one of table `filter`."""
        return RulesetKey(self.ip_version, self.table)

    @property
    def size(self) -> int:
        """Bytes that were read."""
        return self.octets or len(self.text)


class SourceError(Exception):
    """No ruleset could be had.

    `kind` is one of the fixed words of `snapshot.FAILURE_KINDS`; the message says what happened and what to do.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RulesetSource(Protocol):
    """Reads the node's rulesets; called by one thread at a time."""

    @property
    def backend(self) -> str:
        """`legacy`, `nft`, `nftables`, `file` or `demo`; empty while none is found."""

    @property
    def unlocked(self) -> bool:
        """True if the last read was of legacy tables without the xtables lock: its counters may be near zero."""

    @property
    def unreadable(self) -> Sequence[tuple[IPVersion, str]]:
        """IP versions that were left out of the last read because they could not be read, and why."""

    @property
    def notes(self) -> Sequence[str]:
        """What people must know of how the last read was taken: sentences without a full stop."""

    @property
    def in_force(self) -> TablesInForce | None:
        """What the last read tells where packets pass several tables of Calico's; None where there is one."""

    @property
    def former(self) -> Mapping[str, Sequence[Dump]]:
        """What the last read found in the former tables in force, by backend."""

    def read(self) -> Sequence[Dump]:
        """The dumps of all rulesets: each IP version that has any, each table that is read. Raises SourceError."""

    def look_again(self) -> None:
        """Let the next read look everywhere: Felix may write elsewhere now."""

    def close(self) -> None:
        """End a read that is under way; further ones may fail. From any thread."""


class GivenRules:
    """What is the same of every RulesetSource that does not read the kernel: there is nothing to choose or to end."""

    unlocked = False
    unreadable: Sequence[tuple[IPVersion, str]] = ()
    notes: Sequence[str] = ()
    in_force: TablesInForce | None = None
    former: Mapping[str, Sequence[Dump]] = MappingProxyType({})

    def look_again(self) -> None:
        """Every read looks at all there is."""

    def close(self) -> None:
        """Nothing to end."""
