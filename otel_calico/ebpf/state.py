"""What one look at a node's eBPF dataplane found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from otel_calico.ebpf.drop_reasons import LEAST_WITH_ENDS
from otel_calico.ebpf.map_entries import InterfaceCounters, RuleCounters
from otel_calico.ebpf.program import Program, ProgramKey


class DebugFiles(Enum):
    """What became of the directory with the debug files.

    Felix removes it when it starts with `BPFPolicyDebugEnabled: false`. Then it counts no rules either, unless flow
    logs are on.
    """

    READ = "read"
    REMOVED = "removed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Programs:
    """What the debug files tell.

    `of` has the programs of interfaces that exist. `of_gone` are those of interfaces that are gone, which Felix wrote
    since the look before: policies were on them for a while. `incomplete` counts files that could not be understood, as
    while Felix writes them. `problem` says why the files are unreadable, and what to do.
    """

    files: DebugFiles = DebugFiles.READ
    of: Mapping[ProgramKey, Program] = field(default_factory=dict)
    of_gone: Sequence[Program] = ()
    incomplete: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EbpfState:
    """Counters, and the programs that count.

    `capacity` is how many rules the map can count, 0 where it is not told. `interfaces` are the interface counters by
    the name of their map: after an upgrade of Calico the former release's map is still there. `names` are those of
    network interfaces by index.
    """

    rules: RuleCounters
    capacity: int
    interfaces: Mapping[str, InterfaceCounters]
    names: Mapping[int, str]
    programs: Programs

    @property
    def is_full(self) -> bool:
        """True if a rule that has no entry yet may never be counted."""
        return 0 < self.capacity <= len(self.rules)

    @property
    def tells_ends(self) -> bool:
        """True if ends of tiers have ids of their own (v3.30+)."""
        sizes = [len(next(iter(counters.values()))) for counters in self.interfaces.values() if counters]
        return max(sizes, default=0) >= LEAST_WITH_ENDS
