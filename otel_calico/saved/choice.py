"""Which of several saved tables of one IP version counts, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from otel_calico.calico.model import IPVersion, Table
from otel_calico.calico.tables_in_force import TableSigns, TablesInForce, tell
from otel_calico.ruleset.signs import signs_of_text
from otel_calico.saved.tables import SavedTable

_MOST_LINES = 5  # named in a sentence

_Criterion = tuple[Callable[[SavedTable], int], str]

_IN_FORCE: Sequence[_Criterion] = (
    (lambda table: table.is_calicos, "only it has chains of Calico's"),
    (lambda table: table.whole, "it is whole"),
    (lambda table: table.is_entered, "FORWARD enters its chains"),
)
_BUSIEST: _Criterion = (lambda table: table.packets, "its counters are higher")
"""What makes one of several tables count, best first; the last is for those of one backend, saved again later."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The table of each IP version that counts, and a sentence for each version that has several.

    `beside` are the tables `raw` and `mangle` that were saved with them.
    `in_force` tells of tables of several backends, all of which packets pass; else it is None. `former` are those of
    the backends that Felix does not keep now.
    """

    tables: Sequence[SavedTable]
    beside: Sequence[SavedTable]
    notes: Sequence[str]
    in_force: TablesInForce | None
    former: Mapping[str, Sequence[SavedTable]]


def choose(tables: Collection[SavedTable], endpoints: Set[str], settings: Collection[str]) -> Choice:
    """One table of each IP version. `endpoints` and `settings` are those of `tables_in_force.tell`."""
    by_version: dict[IPVersion, list[SavedTable]] = {}
    others = [table for table in tables if table.name is not Table.FILTER and table.whole and table.is_calicos]
    filters = [table for table in tables if table.name is Table.FILTER]
    for table in sorted(filters, key=lambda table: table.ip_version):
        by_version.setdefault(table.ip_version, []).append(table)
    in_force = _in_force(by_version.values())
    told = _tell(in_force, endpoints, settings)
    criteria = [*_IN_FORCE, *([_current(told)] if told else []), _BUSIEST]
    counting = [max(found, key=lambda table: [worth(table) for worth, _ in criteria]) for found in by_version.values()]
    several = [(best, found) for best, found in zip(counting, by_version.values(), strict=True) if len(found) > 1]
    beside = [table for best in counting for table in _beside(best, others)]
    former = {backend: in_force[backend] for backend in told.former} if told else {}
    return Choice(counting, beside, [_note(best, found, criteria) for best, found in several], told, former)


def _beside(best: SavedTable, others: Iterable[SavedTable]) -> Iterator[SavedTable]:
    """The other tables of its IP version and backend; of several those that stand nearest. Lists of nft have all."""
    nearest: dict[Table, SavedTable] = {}
    for table in sorted(others, key=lambda table: abs(table.line - best.line)):
        if (table.ip_version, table.backend) == (best.ip_version, best.backend):
            nearest.setdefault(table.name, table)
    yield from nearest.values()


def _in_force(versions: Iterable[Sequence[SavedTable]]) -> Mapping[str, Sequence[SavedTable]]:
    """Of each IP version those in force that are whole, as far as there are such; of each backend the busiest."""
    in_force: dict[str, list[SavedTable]] = {}
    for found in versions:
        best = max([worth(table) for worth, _ in _IN_FORCE] for table in found)
        whole = [table for table in found if [worth(table) for worth, _ in _IN_FORCE] == best and table.is_entered]
        busiest = {table.backend: table for table in sorted(whole, key=lambda table: table.packets) if table.backend}
        for backend, table in busiest.items():
            in_force.setdefault(backend, []).append(table)
    return in_force


def _tell(
    in_force: Mapping[str, Iterable[SavedTable]], endpoints: Set[str], settings: Collection[str]
) -> TablesInForce | None:
    if len(in_force) < 2:
        return None
    return tell(
        {name: TableSigns.together(signs_of_text(table.text) for table in of) for name, of in in_force.items()},
        endpoints=endpoints,
        settings=settings,
    )


def _current(told: TablesInForce) -> _Criterion:
    return lambda table: table.backend == told.current, f"it is the one of {told.current}"


def _note(best: SavedTable, tables: Sequence[SavedTable], criteria: Iterable[_Criterion]) -> str:
    others = [table for table in tables if table is not best]
    reason = "they are the same, and it is the first"
    for worth, words in criteria:
        if all(worth(best) > worth(other) for other in others):
            reason = words
            break
        others = [other for other in others if worth(other) == worth(best)]
    lines = ", ".join(str(table.line) for table in tables[:_MOST_LINES])
    return (
        f"the file has {len(tables)} filter tables of IPv{best.ip_version.value}, from lines {lines}"
        f"{' …' if len(tables) > _MOST_LINES else ''} on: that of line {best.line} counts, as {reason}"
    )
