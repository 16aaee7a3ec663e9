"""A saved filter table, taken apart into lines and put together again: from `iptables-save -c` or `nft -j`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

COUNTERS = re.compile(r'(?<=^\[)(\d+):(\d+)(?=\])|(?<="packets": )(\d+), "bytes": (\d+)')
_TARGETS = re.compile(r'(?<= -[jg] )cali-\S+|(?<="target": ")filter-cali-[^"]+')
_HASHES = re.compile(r"cali:[A-Za-z0-9_-]{16}")
_LAYER = "filter-"
_LAYER_OR_NONE = f"(?:{_LAYER})?"


@dataclass(frozen=True)
class Line:
    """A declaration or a rule. `chain` is empty for what is neither, such as a map of nftables."""

    chain: str
    text: str

    @property
    def targets(self) -> Sequence[str]:
        """The chains that a rule jumps to."""
        return [target.removeprefix(_LAYER) for target in _TARGETS.findall(self.text)]

    @property
    def hash(self) -> str:
        """Felix's hash of a rule, `cali:…`; empty where it has none."""
        found = _HASHES.search(self.text)
        return found[0] if found else ""

    def with_counters(self, change: Callable[[int, int], tuple[int, int]]) -> Line:
        """The rule with other packets and bytes."""

        def changed(found: re.Match[str]) -> str:
            packets, octets = change(*(int(number) for number in found.groups() if number is not None))
            return f"{packets}:{octets}" if found[1] is not None else f'{packets}, "bytes": {octets}'

        return replace(self, text=COUNTERS.sub(changed, self.text, count=1))

    def with_target(self, target: str) -> Line:
        """The rule with a jump to another chain."""
        return replace(self, text=_TARGETS.sub(lambda found: _like(found[0], target), self.text, count=1))

    def with_hash(self, rule_hash: str) -> Line:
        """The rule with another hash."""
        return replace(self, text=_HASHES.sub(rule_hash, self.text, count=1))

    def of(self, chain: str) -> Line:
        """The same in another chain."""
        own = re.escape(self.chain)
        name = re.compile(rf'((?:^:|^\[[^ ]* -A |"chain": "|"name": "){_LAYER_OR_NONE}){own}(?=[ "\n])')
        return Line(chain, name.sub(lambda found: found[1] + chain, self.text, count=1))


def _like(former: str, chain: str) -> str:
    return _LAYER + chain if former.startswith(_LAYER) else chain


@dataclass(frozen=True)
class SavedTable:
    """The lines of a filter table. `begin` and `end` are what stands around them, `between` what parts them."""

    begin: str
    declared: tuple[Line, ...]
    rules: tuple[Line, ...]
    end: str
    between: str = ""

    @classmethod
    def read(cls, text: str) -> SavedTable:
        """Take a whole dump apart."""
        return _read_list(text) if text.startswith("{") else _read_save(text)

    @property
    def text(self) -> str:
        """The dump."""
        lines = (line.text for line in (*self.declared, *self.rules))
        return self.begin + self.between.join(lines) + self.end

    @property
    def native(self) -> bool:
        """True for a list of nft."""
        return bool(self.between)

    @property
    def chains(self) -> Sequence[str]:
        """The chains of Calico's that are declared or have rules."""
        named = (line.chain for line in (*self.declared, *self.rules))
        return [chain for chain in dict.fromkeys(named) if chain.startswith("cali-")]

    def with_rules(self, rules: Iterable[Line]) -> SavedTable:
        """The table with other rules."""
        return replace(self, rules=tuple(rules))

    def with_declared(self, declared: Iterable[Line]) -> SavedTable:
        """The table with other declarations."""
        return replace(self, declared=tuple(declared))


def _read_save(text: str) -> SavedTable:
    lines = text.splitlines(keepends=True)
    first = lines.index("*filter\n") + 1
    # A dump may have been cut, by nature too: some of those that were recorded are.
    last = next((place for place in range(first, len(lines)) if lines[place].startswith("COMMIT")), len(lines))
    table = lines[first:last]
    declared = [Line(line[1:].partition(" ")[0], line) for line in table if line.startswith(":")]
    rules = [Line(line.partition(" -A ")[2].partition(" ")[0].rstrip(), line) for line in table if " -A " in line]
    return SavedTable("".join(lines[:first]), tuple(declared), tuple(rules), "".join(lines[last:]))


def _read_list(text: str) -> SavedTable:
    head: list[str] = []
    declared: list[Line] = []
    rules: list[Line] = []
    for item in json.loads(text)["nftables"]:
        kind, found = next(iter(item.items()))
        line = json.dumps(item, ensure_ascii=False)
        if kind == "rule":
            rules.append(Line(found["chain"].removeprefix(_LAYER), line))
        elif kind == "chain" or declared:
            declared.append(Line(found["name"].removeprefix(_LAYER) if kind == "chain" else "", line))
        else:
            head.append(line)
    begin = '{"nftables": [' + "".join(f"{line}, " for line in head)
    return SavedTable(begin, tuple(declared), tuple(rules), "]}\n", between=", ")
