"""A parsed filter table, shaped so that the next scan costs little. Pure.

Between two scans a table differs mostly in its counters. So what a chain *says* (its `Layout`) is kept apart from its
text in one scan (its `Chain`). The same Layout object serves every scan in which each line of the chain still ends with
exactly the text it had; the same Chain object, counters and all, every scan in which nothing of it changed. Everything
computed from either can be cached by its identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from otel_calico.ruleset.rule import MalformedRuleError, Rule, parse_rule

_DECLARED = re.compile(r"^:(cali-\S+) ", re.MULTILINE)
_HASH_COMMENT = re.compile(r'-m comment --comment "cali:([A-Za-z0-9_-]{16})" ?')


class MalformedCounterError(ValueError):
    """A line's counters are no numbers, so nothing in this dump can be believed."""


class Layout:
    """What the lines of one chain say, counters left off. Compared by identity."""

    __slots__ = ("_frame", "hashes", "malformed", "name", "rules")

    def __init__(self, name: str, tails: Sequence[str], rule_of: dict[str, Rule | None]) -> None:
        """`tails` are the lines from the `]` of their counters on; `rule_of` remembers rules read before.

        Only Calico's own chains are read rule by rule: the rest (kube-proxy's may be thousands of lines) is
        never looked at. A rule that cannot be read is None, and counted in `malformed`.
        """
        self.name = name
        self._frame = _frame(tails)
        self.rules: tuple[Rule | None, ...] = ()
        self.hashes: tuple[str, ...] = ()
        self.malformed = 0
        if name.startswith("cali-"):
            self._read_rules(rule_of)

    def __len__(self) -> int:
        return len(self._frame) // 2

    def text(self, counters: Sequence[str]) -> str:
        """The chain's lines with these counters (`PACKETS:BYTES`), one for each."""
        parts = self._frame.copy()
        parts[1::2] = counters
        return "".join(parts)

    def spots(self, counters: Sequence[str]) -> tuple[slice, ...]:
        """Where these counters stand in the chain's text."""
        spots: list[slice] = []
        position = 0
        for before, counter in zip(self._frame[::2], counters, strict=False):
            position += len(before)
            spots.append(_spot(position, position + len(counter)))
            position += len(counter)
        return tuple(spots)

    def texts(self) -> Iterable[str]:
        """The rules' texts after the chain's name."""
        start = len("] -A ") + len(self.name)
        return (after[start : after.rindex("\n")] for after in self._frame[2::2])

    def _read_rules(self, rule_of: dict[str, Rule | None]) -> None:
        rules: list[Rule | None] = []
        hashes: list[str] = []
        for position, text in enumerate(self.texts()):
            found = _HASH_COMMENT.search(text)
            # A rule without a hash is not Felix's: told apart by its place and text.
            hashes.append(found[1] if found else f"{position}{text}")
            body = text[: found.start()] + text[found.end() :] if found else text
            if body not in rule_of:
                rule_of[body] = _read_rule(body)
            rules.append(rule_of[body])
        self.rules = tuple(rules)
        self.malformed = sum(rule is None for rule in rules)
        self.hashes = tuple(hashes)


def _read_rule(body: str) -> Rule | None:
    try:
        return parse_rule(body)
    except MalformedRuleError:
        return None


def _frame(tails: Sequence[str]) -> list[str]:
    """A chain's text in parts, with an empty one for each line's counters."""
    last = len(tails) - 1
    frame = ["["]
    for place, tail in enumerate(tails):
        frame += ["", f"{tail}\n" if place == last else f"{tail}\n["]
    return frame


@lru_cache(maxsize=1 << 16)
def _spot(start: int, stop: int) -> slice:
    """Pods of one kind have chains of one shape: their counters stand in the same places."""
    return slice(start, stop)


class Chain:
    """One chain in one scan: its layout, and its lines with the counters. Compared by identity.

    `spots` is where the counters stand in the text, if that is known.
    """

    __slots__ = ("_counters", "layout", "spots", "text")

    def __init__(
        self, layout: Layout, text: str, counters: Sequence[str], spots: tuple[slice, ...] | None = None
    ) -> None:
        """`counters` are those in the text, which need not be looked for again before `settle`."""
        self.layout = layout
        self.text = text
        self.spots = spots
        self._counters: Sequence[str] | None = counters

    def packets(self, rules: Iterable[int]) -> list[int]:
        """Packet counters of the rules at these positions. Raises MalformedCounterError."""
        counters = self._counters or counters_in(self.text)
        try:
            return [int(counters[rule].partition(":")[0]) for rule in rules]
        except ValueError as error:
            raise MalformedCounterError(self.layout.name) from error

    def octets(self, rules: Iterable[int]) -> list[int]:
        """Byte counters of the rules at these positions. Raises MalformedCounterError."""
        return [octets for _, octets in self.counters(rules)]

    def counters(self, rules: Iterable[int]) -> list[tuple[int, int]]:
        """Packets and bytes of the rules at these positions. Raises MalformedCounterError."""
        counters = self._counters or counters_in(self.text)
        try:
            return [_numbers(counters[rule]) for rule in rules]
        except ValueError as error:
            raise MalformedCounterError(self.layout.name) from error

    def settle(self) -> None:
        """Drop the parted counters: the text alone takes half the memory."""
        self._counters = None


def counters_in(text: str, lines: int = -1) -> list[str]:
    """What stands between the brackets at the beginning of each line, or of so many."""
    parted = text.split("\n", lines)
    del parted[-1]  # what follows the last line end
    return [line[1 : line.find("]")] for line in parted]


def _numbers(counter: str) -> tuple[int, int]:
    packets, octets = counter.split(":")
    return int(packets), int(octets)


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """The filter table of one IP version in one scan.

    `layouts` are those of the chains: the same object as in the scan before if nothing but counters changed since.
    `declared` names Calico's chains, those without rules too. `skipped` counts lines that are no rule.
    """

    chains: Mapping[str, Chain]
    layouts: Mapping[str, Layout]
    declared: str
    rules: int
    skipped: int

    @property
    def malformed(self) -> int:
        """Lines of the table that could not be read."""
        return self.skipped + sum(chain.layout.malformed for chain in self.chains.values())

    def empty_chains(self) -> list[str]:
        """Calico's chains without rules: up to v3.21 those of a policy without rules, such as a default deny."""
        return [name for name in _DECLARED.findall(self.declared) if name not in self.chains]
