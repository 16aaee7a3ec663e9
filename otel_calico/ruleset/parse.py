"""Text of `iptables-save -t filter -c` to a `Ruleset`, reusing what the previous scan learned. Pure.

Tables other than `filter` are passed over, so a saved dump of all tables can be read too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import Chain, Layout, MalformedCounterError, Ruleset, counters_in

_BLOCK = re.compile(r"\[\d+:\d+\] -A (\S+)(?: [^\n]*)?(?:\n\[\d+:\d+\] -A \1(?: [^\n]*)?(?=\n|$))*")
"""All neighbouring lines of one chain."""

_DECLARATIONS = re.compile(r"(?::[^\n]*\n)*")
_CHAIN = re.compile(r"\[\d+:\d+\] -A (\S+)")
_FELIX_RULE = re.compile(r"\] -A (cali-\S+)")
_TAIL = 500  # characters at the end of a dump in which its last table is committed; comments may follow
_GROWTH = 8  # characters by which the counters of a line may grow between scans before it is read anew


class DumpError(ValueError):
    """The text is no whole filter table. `kind` is `empty`, `truncated` or `no_counters`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def parse(text: str, previous: Ruleset | None = None, moved: Callable[[Chain], None] | None = None) -> Ruleset:
    """Read a dump, reusing layouts and chains of `previous` where the text still says the same.

    `moved` is told each chain that says what it said and has other counters, at once, while its lines are still in
    the processor's cache. A line that is no rule is skipped and counted. Raises DumpError, and MalformedCounterError
    for a rule of Felix's whose counters are no numbers: passed over, it would seem to have gone and come back.
    """
    table = _filter_table(text)
    known = previous.chains if previous else {}
    chains = _followed(known, table, moved)
    position = table.rules + sum(len(chain.text) for chain in chains.values())
    if previous and len(chains) == len(known) and text.startswith("COMMIT", position):
        return Ruleset(chains, previous.layouts, table.declared, previous.rules, skipped=0)
    rule_of: dict[str, Rule | None] = {}
    skipped = 0
    while not text.startswith("COMMIT", position):
        name = table.chain_at(position)
        if name is None:
            after = table.next_line(position)
            if (spoilt := _FELIX_RULE.search(text, position, after)) is not None:
                raise MalformedCounterError(spoilt[1])
            position, skipped = after, skipped + 1
            continue
        former = known.get(name)
        chain = former and _continued(former, table, position)
        if chain is None or table.chain_at(position + len(chain.text)) == name:
            chain = _read(name, table, position, rule_of)
        elif chain is not former and moved:
            moved(chain)
        chain.settle()
        position += len(chain.text)
        chains[name] = _joined(chains[name], chain, rule_of) if name in chains else chain
    if skipped and not chains:
        raise DumpError("no_counters", "the rules have no counters: save them with `iptables-save -c`")
    layouts = {name: chain.layout for name, chain in chains.items()}
    return Ruleset(chains, layouts, table.declared, sum(map(len, layouts.values())), skipped)


def _followed(known: Mapping[str, Chain], table: _Table, moved: Callable[[Chain], None] | None) -> dict[str, Chain]:
    """The chains from the first on that say what they said and come as they came: in nearly every scan all.

    A line that was added to one of them at its end is left to be found behind it.
    """
    chains: dict[str, Chain] = {}
    text, position = table.text, table.rules
    for name, former in known.items():
        chain = former
        if not text.startswith(former.text, position):
            continued = _continued(former, table, position)
            if continued is None:
                break
            chain = continued
            if moved:
                moved(chain)
            chain.settle()
        chains[name] = chain
        position += len(chain.text)
    return chains


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the filter table stands in a dump: its chain declarations from `start`, its rules from `rules` on.

    The text is neither cut nor searched for its end beforehand: that would cost as much as reading it.
    """

    text: str
    start: int
    rules: int

    def chain_at(self, position: int) -> str | None:
        """The chain of the line that starts here; None if the line is no rule."""
        found = _CHAIN.match(self.text, position)
        return found[1] if found else None

    def next_line(self, position: int) -> int:
        """Where the next line starts. Raises DumpError: the last line should have been COMMIT."""
        end = self.text.find("\n", position)
        if end < 0:
            raise DumpError("truncated", "the dump ends before COMMIT")
        return end + 1

    @property
    def declared(self) -> str:
        """The declarations of Calico's chains; those of built-in ones come before and have counters."""
        first = self.text.find("\n:cali-", self.start, self.rules)
        return self.text[first : self.rules] if first >= 0 else ""


def _filter_table(text: str) -> _Table:
    if not text or text.isspace():
        raise DumpError("empty", "the dump is empty")
    start = 0 if text.startswith("*filter\n") else text.find("\n*filter\n")
    if start < 0:
        raise DumpError("empty", "the dump has no filter table")
    if "\nCOMMIT" not in text[-_TAIL:]:
        raise DumpError("truncated", "the dump ends before COMMIT")
    declared = _DECLARATIONS.match(text, text.index("*filter\n", start) + len("*filter\n"))
    return _Table(text, start, declared.end() if declared else start)


def _continued(former: Chain, table: _Table, start: int) -> Chain | None:
    """The chain if it says what it said, and the former object if its counters are the same too."""
    text, layout = table.text, former.layout
    end = start + len(former.text)
    now = text[start:end]
    if now == former.text:
        return former
    if former.spots and now.count("\n") == len(layout):
        # Most counters have as many digits as before, so they stand where they stood.
        counters: Sequence[str] = [now[spot] for spot in former.spots]
        if layout.text(counters) == now:
            return Chain(layout, now, counters, former.spots)
    # As many lines as the chain had stand in about as much text as it took.
    counters = counters_in(text[start : end + _GROWTH * len(layout)], len(layout))
    if len(counters) != len(layout):
        return None
    now = layout.text(counters)
    if not text.startswith(now, start):
        return None
    return Chain(layout, now, counters, layout.spots(counters) if len(now) == len(former.text) else None)


def _read(name: str, table: _Table, start: int, rule_of: dict[str, Rule | None]) -> Chain:
    block = _BLOCK.match(table.text, start)
    end = block.end() + 1 if block else table.next_line(start)
    return _chain(name, table.text[start:end], rule_of)


def _chain(name: str, text: str, rule_of: dict[str, Rule | None]) -> Chain:
    tails = [line[line.index("] -A ") :] for line in text.split("\n")[:-1]]
    return Chain(Layout(name, tails, rule_of), text, counters_in(text))


def _joined(first: Chain, second: Chain, rule_of: dict[str, Rule | None]) -> Chain:
    """Two parts of one chain, parted by an unreadable line."""
    return _chain(first.layout.name, first.text + second.text, rule_of)
