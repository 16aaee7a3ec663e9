"""Follows the tables that Felix left in force when it changed its backend, from scan to scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from otel_calico.accounting.former_drops import FormerDropAccount, FormerTable
from otel_calico.accounting.plausibility import fell_together
from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.series import Readings
from otel_calico.sources.ruleset_source import Dump

log = structlog.get_logger(__name__)

_EMPTY = Ruleset({}, {}, "")

_Place = tuple[str, IPVersion]


class FormerTables:
    """Remembers the rules of each, by backend and IP version. `tables` are those of the last read."""

    def __init__(self, shown: Mapping[_Place, Ruleset] | None = None) -> None:
        """`shown` are the rules that were current up to now: what they count from now on, a former table counts."""
        self._rulesets = dict(shown or {})
        self._doubted: set[_Place] = set()
        self._account = FormerDropAccount()
        self._looked_at: int | None = None
        self.tables: tuple[FormerTable, ...] = ()

    def read(self, former: Mapping[str, Sequence[Dump]], taken: int) -> Sequence[Readings]:
        """What they dropped since the start; nothing where there are none. `taken` is Unix time in nanoseconds."""
        self.tables = tuple(self._follow(former))
        since = taken if self._looked_at is None else self._looked_at
        self._looked_at = taken if self.tables else None
        return self._account.read(self.tables, since)

    def _follow(self, former: Mapping[str, Sequence[Dump]]) -> Iterator[FormerTable]:
        before, self._rulesets = self._rulesets, {}
        for backend, dumps in former.items():
            for dump in dumps:
                place = backend, dump.ip_version
                last = before.get(place)
                try:
                    ruleset = dump.ruleset or parse(dump.text, last or _EMPTY)
                except DumpError as error:
                    log.warning("former_table_unreadable", backend=backend, reason=str(error))
                    ruleset = last or _EMPTY
                if last is not None and self._is_doubtful(place, last, ruleset):
                    ruleset = last
                self._rulesets[place] = ruleset
                yield FormerTable(backend, dump.ip_version, ruleset, last)

    def _is_doubtful(self, place: _Place, before: Ruleset, now: Ruleset) -> bool:
        """True where most counters fell, for the first time: a legacy table is at zero while somebody writes it."""
        fell = fell_together(before, now)
        doubtful = fell and place not in self._doubted
        if doubtful:
            self._doubted.add(place)
        else:
            self._doubted.discard(place)
        return doubtful
