"""Of several tables of Calico's in force, which one Felix keeps now.

A Felix that changes its backend leaves its former table in the kernel. `FORWARD` still enters it: packets pass both
tables, and what the former one drops is dropped, until somebody removes it or the node is started anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from enum import Enum


class Evidence(Enum):
    """What tells the current table, best first. The values end a sentence."""

    WRITTEN = "Felix wrote to it last"
    ENDPOINTS = "its chains are those of the node's workloads"
    YOUNGER = "fewer packets entered it, so it is the younger one"
    SETTING = "Felix's settings name it"
    NONE = "nothing tells"


@dataclass(frozen=True, slots=True)
class TableSigns:
    """What tells of one table in force.

    `interfaces` are those of workloads that have chains, `rules` the hashes of Felix's rules, `packets` those that
    entered from `FORWARD`.
    """

    interfaces: Set[str]
    rules: Set[str]
    packets: int

    @classmethod
    def together(cls, of_versions: Iterable[TableSigns]) -> TableSigns:
        """Those of both IP versions."""
        found = tuple(of_versions)
        interfaces = frozenset[str]().union(*(one.interfaces for one in found))
        rules = frozenset[str]().union(*(one.rules for one in found))
        return cls(interfaces, rules, sum(one.packets for one in found))


@dataclass(frozen=True, slots=True)
class TablesInForce:
    """The backend of the `current` table, which is shown, and those of the `former` ones."""

    current: str
    former: tuple[str, ...]
    evidence: Evidence

    @property
    def certain(self) -> bool:
        """False where nothing tells which one is current, so that each may be."""
        return self.evidence is not Evidence.NONE

    @property
    def aside(self) -> str:
        """What whoever says that nothing was dropped must add: a sentence."""
        return f"Packets must pass the rules of {' and '.join(self.former)} too, which are not counted here."

    def __str__(self) -> str:
        """A sentence without a full stop."""
        former = " and ".join(self.former)
        beginning = f"packets must pass {len(self.former) + 1} tables of Calico's, those of {self.current} and {former}"
        if not self.certain:
            return f"{beginning}; nothing tells which one Felix keeps now, and that of {self.current} is shown"
        return (
            f"{beginning}; Felix keeps that of {self.current} now ({self.evidence.value}), and left {former} in force "
            "when it changed its backend, with the policies of that time"
        )


def tell(
    tables: Mapping[str, TableSigns],
    *,
    endpoints: Set[str],
    settings: Collection[str],
    written: str = "",
    before: TablesInForce | None = None,
) -> TablesInForce:
    """Tell the current one of several tables, which are named by their backends.

    `endpoints` are the interfaces of the workloads that the datastore has on this node, `settings` the backends that
    Felix's settings name, `written` the one that got rules last, `before` what was told of the same tables before.

    What got rules goes first: only Felix writes such rules, and a datastore may be out of sync for hours.
    """
    kept = {table: before is not None and table == before.current for table in tables}
    left = list(tables)
    for evidence, marks in (
        (Evidence.WRITTEN, {table: table == written for table in tables}),
        (Evidence.ENDPOINTS, _fitting(tables, endpoints)),
        (before.evidence if before else Evidence.NONE, kept),
        (Evidence.YOUNGER, {table: -signs.packets for table, signs in tables.items()}),
        (Evidence.SETTING, {table: table in settings for table in tables}),
        # Nothing tells: native nftables is what Felix moves to.
        (Evidence.NONE, {table: table == "nftables" for table in tables}),
        (Evidence.NONE, {table: len(signs.rules) for table, signs in tables.items()}),
    ):
        best = max(marks[table] for table in left)
        left = [table for table in left if marks[table] == best]
        if len(left) == 1:
            return _told(left[0], tables, evidence)
    return _told(left[0], tables, Evidence.NONE)


def _told(current: str, tables: Collection[str], evidence: Evidence) -> TablesInForce:
    return TablesInForce(current, tuple(sorted(set(tables) - {current})), evidence)


def _fitting(tables: Mapping[str, TableSigns], endpoints: Set[str]) -> Mapping[str, int]:
    """About how many interfaces that not all tables have each is right; 0 where the datastore knows none of theirs."""
    sets = [signs.interfaces for signs in tables.values()]
    known = frozenset[str]().union(*sets)
    if not known & endpoints:
        return dict.fromkeys(tables, 0)
    disputed = known.difference(known.intersection(*sets))
    return {
        table: sum((one in signs.interfaces) == (one in endpoints) for one in disputed)
        for table, signs in tables.items()
    }
