"""A parsed filter table, shaped so that the next scan costs little. Pure.

Between two scans a table differs mostly in its counters. So what a chain *says* (its `Layout`) is kept apart from its
text in one scan (its `Chain`). The same Layout object serves every scan in which each line of the chain still ends with
exactly the text it had; the same Chain object, counters and all, every scan in which nothing of it changed. Everything
computed from either can be cached by its identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import is_, itemgetter

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.dump import Form, KnownRules
from otel_calico.ruleset.rule import Rule

_DECLARED = re.compile(r'^:(cali-\S+) |"name": "filter-(cali-[^"]+)", "handle"', re.MULTILINE)
"""A declaration of `iptables-save`, or of `nft`."""


_TO_WORKLOADS, _FROM_WORKLOADS = "cali-to-wl-dispatch", "cali-from-wl-dispatch"


Cutter = Callable[[str], tuple[str, ...]]


class Layout:
    """What the lines of one chain say, counters left off. Compared by identity."""

    __slots__ = ("_first", "_frame", "_jumps", "_lines", "form", "hashes", "malformed", "name", "rules")
    form: Form
    """How the lines are written; not set of a chain without rules."""

    def __init__(self, name: str) -> None:
        """The layout of a chain without rules."""
        self.name = name
        self.rules: tuple[Rule | None, ...] = ()
        self.hashes: tuple[str, ...] = ()
        self.malformed = 0
        self._lines = 0
        self._first = ""  # the text that the frame is made of, when the chain moves for the first time
        self._frame: list[str] = [""]
        self._jumps: frozenset[str] | None = None

    @classmethod
    def read(cls, name: str, text: str, form: Form, known: KnownRules) -> Layout:
        """The layout of a chain's lines; `known` are the rules read before.

        Only Calico's own chains are read rule by rule: the rest (kube-proxy's may be thousands of lines) is
        never looked at. A rule that cannot be read is None, and counted in `malformed`.
        """
        layout = cls(name)
        layout.form, layout._first, layout._frame = form, text, []
        if name.startswith("cali-"):
            layout.hashes, texts = form.rule_texts(text)
            layout.rules = known.of(texts)
            layout.malformed = sum(map(is_, layout.rules, repeat(None)))  # `count` would compare rule by rule
        layout._lines = len(layout.rules) or form.line_count(text)
        return layout

    def __len__(self) -> int:
        return self._lines

    @property
    def jumps(self) -> frozenset[str]:
        """Calico's chains that its rules jump or go to."""
        if self._jumps is None:
            targets = (rule.target for rule in self.rules if rule and rule.target)
            self._jumps = frozenset(target for target in targets if target.startswith("cali-"))
        return self._jumps

    def text(self, counters: Sequence[str]) -> str:
        """The chain's lines with these counters, one for each."""
        parts = self._parts().copy()
        parts[1::2] = counters
        return "".join(parts)

    def cutter(self, counters: Sequence[str]) -> Cutter:
        """Cuts counters out of the chain's text, which these stand in now, where they stand."""
        spots: list[slice] = []
        position = 0
        for before, counter in zip(self._parts()[::2], counters, strict=False):
            position += len(before)
            spots.append(slice(position, position + len(counter)))
            position += len(counter)
        if len(spots) == 1:
            return lambda text: (text[spots[0]],)
        return itemgetter(*spots)

    def _parts(self) -> list[str]:
        if not self._frame:
            self._frame, self._first = self.form.frame(self._first), ""
        return self._frame


class Chain:
    """One chain in one scan: its layout, and its lines with the counters. Compared by identity.

    Counters of Calico's chains are numbers; of other chains nobody asks for them.
    `cut` gives the counters of a text in which they stand where they stand in this chain's; None if not known.
    `repeated` is how many of its lines came again in the dump, and were added to the first.
    """

    __slots__ = ("_counters", "_packets", "cut", "layout", "repeated", "text")

    def __init__(
        self,
        layout: Layout,
        text: str,
        counters: Sequence[str] | None = None,
        cut: Cutter | None = None,
        repeated: int = 0,
    ) -> None:
        """`counters`, if given, are those in the text, which need not be looked for again before `settle`."""
        self.layout = layout
        self.text = text
        self.cut = cut
        self.repeated = repeated
        self._counters = counters
        self._packets: Sequence[int] | None = None

    @property
    def all_packets(self) -> Sequence[int]:
        """Packet counters of all rules; kept, as the next scan asks whether one of them fell."""
        if self._packets is None:
            self._packets = self.layout.form.packets(self._texts())
        return self._packets

    def packets(self, rules: Iterable[int]) -> list[int]:
        """Packet counters of the rules at these positions."""
        texts = self._texts()
        return self.layout.form.packets([texts[rule] for rule in rules])

    def octets(self, rules: Iterable[int]) -> list[int]:
        """Byte counters of the rules at these positions."""
        return [octets for _, octets in self.counters(rules)]

    def counters(self, rules: Iterable[int]) -> list[tuple[int, int]]:
        """Packets and bytes of the rules at these positions."""
        form, texts = self.layout.form, self._texts()
        return [form.numbers(texts[rule]) for rule in rules]

    def _texts(self) -> Sequence[str]:
        """The counters of all rules."""
        if self._counters:
            return self._counters
        return self.cut(self.text) if self.cut else self.layout.form.counters_in(self.text)

    def settle(self) -> None:
        """Drop the parted counters: the text alone takes half the memory."""
        self._counters = None


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """The filter table of one IP version in one scan.

    `layouts` are those of the chains: the same object as in the scan before if nothing but counters changed since.
    `declared` names Calico's chains, those without rules too. `rules` counts all, `unread` those that could not be
    read, `skipped` lines that are no rule, `repeated` those of a rule that came before.
    """

    chains: Mapping[str, Chain]
    layouts: Mapping[str, Layout]
    declared: str
    rules: int = 0
    unread: int = 0
    skipped: int = 0
    repeated: int = 0

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
        targets = frozenset[str]().union(*(layout.jumps for layout in self.layouts.values()))
        missing = targets - self.chains.keys()
        return set(missing.difference(_declared_names(self.declared))) if missing else set()


def _declared_names(declared: str) -> Iterator[str]:
    return (found[1] or found[2] for found in _DECLARED.finditer(declared))


@lru_cache(maxsize=2 * len(IPVersion))
def _dataplane(declared: str) -> str:
    if _TO_WORKLOADS in declared and not any(
        word in declared for word in (_FROM_WORKLOADS, *WORKLOAD_PREFIXES.values())
    ):
        return "ebpf"
    if not declared:
        return ""
    return "iptables" if declared.startswith(":") else "nftables"
