"""Follows, from look to look, which of several tables in force is the one that Felix keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from otel_calico.calico.tables_in_force import TablesInForce, tell
from otel_calico.sources.backends import Candidate


class InForceWatch:
    """Remembers which table got rules last. `settings` are the backends that Felix's settings name."""

    def __init__(self, settings: Collection[str]) -> None:
        self._settings = settings
        self._rules: dict[str, Set[str] | None] = {}  # at the last look, by backend; None where nobody asked
        self._written = ""
        self._told: TablesInForce | None = None

    def look(self, candidates: Collection[Candidate], endpoints: Iterable[str]) -> TablesInForce | None:
        """What is told of all tables that could be looked at; None where at most one is in force.

        The rules of a table are asked for only where another is in force too. One that was not in force at the look
        before has got its rules since.
        """
        looked_at = {candidate.backend.value for candidate in candidates}
        if self._told and not looked_at.issuperset((self._told.current, *self._told.former)):
            return self._told  # nothing says that the one which cannot be read now is gone
        in_force = [candidate for candidate in candidates if candidate.entered]
        several = len(in_force) > 1
        tables = {candidate.backend.value: candidate.signs() for candidate in in_force if several}
        written = [name for name, signs in tables.items() if _has_more(signs.rules, self._rules.get(name))]
        if len(written) == 1:
            self._written = written[0]
        for candidate in candidates:
            name = candidate.backend.value
            self._rules[name] = tables[name].rules if name in tables else None if candidate.entered else frozenset()
        if not several:
            self._written, self._told = "", None
            return None
        before = self._told if self._told and self._told.current in tables else None
        self._told = tell(
            tables,
            endpoints=frozenset(endpoints),
            settings=self._settings,
            written=self._written,
            before=before,
        )
        return self._told


def _has_more(rules: Set[str], before: Set[str] | None) -> bool:
    """Only rules that come tell of Felix: others may remove what it left over, one by one."""
    return before is not None and not rules <= before
