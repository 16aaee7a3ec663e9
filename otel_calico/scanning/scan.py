"""The result of one scan: its snapshot, and the rules behind it."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.accounting.former_drops import FormerTable
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.ebpf.look import EbpfLook
from otel_calico.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one scan found: its series, and the rules or programs behind them, none where it failed.

    `former` are the tables that Felix left in force when it changed its backend.

    Holding a Scan keeps its parsed rules in memory.
    """

    snapshot: Snapshot
    rulesets: tuple[PlannedRuleset, ...] = ()
    ebpf: EbpfLook | None = None
    former: tuple[FormerTable, ...] = ()

    @property
    def taken(self) -> float:
        """When it began, in Unix seconds."""
        return self.snapshot.taken
