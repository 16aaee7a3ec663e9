"""A parsed table. Its parts are kept from scan to scan while they say the same.

Between two scans a table differs mostly in its counters. So what a chain *says* (its `Layout`) is kept apart from what
it counted in one scan (its `Chain`). The same Layout object serves every scan in which the rules of the chain are the
same; the same Chain object, counters and all, every scan in which nothing of it changed. Everything computed from
either can be cached by its identity.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import is_

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import IPVersion, Table
from otel_calico.ruleset.rule import Rule

_DECLARED = re.compile(r'^:(cali-\S+) |"name": "filter-(cali-[^"]+)", "handle"', re.MULTILINE)
"""A declaration of `iptables-save`, or of `nft` in layer `filter`."""

_IN_LAYERS = re.compile(r'"name": "([a-z]+-)(cali-[^"]+)", "handle"')

_TO_WORKLOADS, _FROM_WORKLOADS = "cali-to-wl-dispatch", "cali-from-wl-dispatch"


class Layout:
    """What the rules of one chain say, counters left off. Compared by identity."""

    __slots__ = ("_jumps", "_length", "hashes", "malformed", "name", "rules")

    def __init__(
        self, name: str, hashes: tuple[str, ...] = (), rules: tuple[Rule | None, ...] = (), length: int = 0
    ) -> None:
        """Of a chain that is not Calico's only the number of its rules is known, `length`.

        A rule that could not be read is None, and counted in `malformed`.
        """
        self.name = name
        self.hashes = hashes
        self.rules = rules
        self.malformed = sum(map(is_, rules, repeat(None)))  # `count` would compare rule by rule
        self._length = len(rules) or length
        self._jumps: frozenset[str] | None = None

    def __len__(self) -> int:
        return self._length

    @property
    def jumps(self) -> frozenset[str]:
        """Calico's chains that its rules jump or go to."""
        if self._jumps is None:
            targets = (rule.target for rule in self.rules if rule and rule.target)
            self._jumps = frozenset(target for target in targets if target.startswith("cali-"))
        return self._jumps


class Chain(ABC):
    """One chain in one scan: its layout, and its counters. Compared by identity.

    Counters of Calico's chains are numbers; of other chains nobody asks for them.
    """

    __slots__ = ("layout",)

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def all_packets(self) -> Sequence[int]:
        """Packet counters of all rules; kept, as the next scan asks whether one of them fell."""

    @abstractmethod
    def packets(self, rules: Iterable[int]) -> list[int]:
        """Packet counters of the rules at these positions."""

    @abstractmethod
    def octets(self, rules: Iterable[int]) -> list[int]:
        """Byte counters of the rules at these positions."""

    @abstractmethod
    def counters(self, rules: Iterable[int]) -> list[tuple[int, int]]:
        """Packets and bytes of the rules at these positions."""


class CountedChain(Chain):
    """A chain whose counters came as numbers: packets and bytes of each rule, zeros where it has no counter."""

    __slots__ = ("_octets", "_packets")

    def __init__(self, layout: Layout, packets: tuple[int, ...], octets: tuple[int, ...]) -> None:
        super().__init__(layout)
        self._packets, self._octets = packets, octets

    @property
    def all_packets(self) -> Sequence[int]:
        """Packet counters of all rules."""
        return self._packets

    def packets(self, rules: Iterable[int]) -> list[int]:
        """Packet counters of the rules at these positions."""
        return [self._packets[rule] for rule in rules]

    def octets(self, rules: Iterable[int]) -> list[int]:
        """Byte counters of the rules at these positions."""
        return [self._octets[rule] for rule in rules]

    def counters(self, rules: Iterable[int]) -> list[tuple[int, int]]:
        """Packets and bytes of the rules at these positions."""
        return [(self._packets[rule], self._octets[rule]) for rule in rules]

    def counts(self, packets: tuple[int, ...], octets: tuple[int, ...]) -> bool:
        """True if these are its counters."""
        return packets == self._packets and octets == self._octets


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """One table of one IP version in one scan.

    `layouts` are those of the chains: the same object as in the scan before if nothing but counters changed since.
    `declared` names Calico's chains, those without rules too. `rules` counts all, `unread` those that could not be
    read, `skipped` lines that are no rule, `repeated` those of a rule that came before. `table` tells the table from
    another that was made in its place, where that can be told.
    """

    chains: Mapping[str, Chain]
    layouts: Mapping[str, Layout]
    declared: str
    rules: int = 0
    unread: int = 0
    skipped: int = 0
    repeated: int = 0
    table: str = ""

    @property
    def malformed(self) -> int:
        """Lines of the table that could not be read."""
        return self.unread + self.skipped

    @property
    def dataplane(self) -> str:
        """Which of Felix's dataplanes wrote the chains: `iptables`, `nftables` or `ebpf`; empty if there are none.

        With eBPF it checks only that traffic goes to known workloads (`felix/dataplane/linux/int_dataplane.go`).
        """
        return _dataplane(self.declared)

    def empty_chains(self) -> list[str]:
        """Calico's chains without rules: up to v3.21 those of a policy without rules, such as a default deny."""
        return [name for name in _declared_names(self.declared) if name not in self.chains]

    def missing_chains(self) -> set[str]:
        """Calico's chains that others of its chains jump to, and that are not there: only a cut file lacks any."""
        # Of the layer `filter`. Pods of one kind share their rules.
        unlike = {id(layout.rules): layout for name, layout in self.layouts.items() if name == layout.name}
        targets = frozenset[str]().union(*[layout.jumps for layout in unlike.values()])
        missing = targets - self.chains.keys()
        return set(missing.difference(_declared_names(self.declared))) if missing else set()


@lru_cache(maxsize=2 * len(IPVersion) * len(Table))
def _declared_names(declared: str) -> tuple[str, ...]:
    return tuple([found[1] or found[2] for found in _DECLARED.finditer(declared)])


def natively_declared(names: Iterable[str]) -> str:
    """Declarations of the chains of these names in table `calico` of nftables, as `Ruleset.declared` has them.

    Empty if none is Calico's in layer `filter`.
    """
    declared = ", ".join(f'"name": "{name}", "handle"' for name in names)
    return declared if '"name": "filter-cali-' in declared else ""


def declared_in_layer(declared: str, prefix: str) -> list[str]:
    """Calico's chains in a layer of native nftables whose names begin so, without that prefix."""
    return [found[2] for found in _IN_LAYERS.finditer(declared) if found[1] == prefix]


@lru_cache(maxsize=2 * len(IPVersion) * len(Table))
def _dataplane(declared: str) -> str:
    if _TO_WORKLOADS in declared and not any(
        word in declared for word in (_FROM_WORKLOADS, *WORKLOAD_PREFIXES.values())
    ):
        return "ebpf"
    if not declared:
        return ""
    return "iptables" if declared.startswith(":") else "nftables"
