"""The form of `iptables-save -t filter -c`. Pure.

Tables other than `filter` are passed over, so a saved dump of all tables can be read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from otel_calico.ruleset.dump import DumpError, RuleOf
from otel_calico.ruleset.rule import Rule, parse_rule, rule_or_none
from otel_calico.ruleset.ruleset import MalformedCounterError

_BLOCK = re.compile(r"\[\d+:\d+\] -A (\S+)(?: [^\n]*)?(?=\n)(?:\n\[\d+:\d+\] -A \1(?: [^\n]*)?(?=\n|$))*")
"""All neighbouring lines of one chain."""

_DECLARATIONS = re.compile(r"(?::[^\n]*\n)*")
_CHAIN = re.compile(r"\[\d+:\d+\] -A (\S+)")
_FELIX_RULE = re.compile(r"\] -A (cali-\S+)")
_RULE = re.compile(r"\] -A \S+([^\n]*)\n")
_HASH_COMMENT = ' -m comment --comment "cali:'
_HASH_LENGTH = 16
_TAIL = 500  # characters at the end of a dump in which its last table is committed; comments may follow


class IptablesForm:
    """Lines like `[PACKETS:BYTES] -A CHAIN …`."""

    def line_count(self, text: str) -> int:
        """How many lines there are."""
        return text.count("\n")

    def counters_in(self, text: str, lines: int = -1) -> list[str]:
        """What stands between the brackets at the beginning of each line, or of so many."""
        parted = text.split("\n", lines)
        del parted[-1]  # what follows the last line end
        return [line[1 : line.find("]")] for line in parted]

    def packets(self, counters: Sequence[str], rules: Iterable[int]) -> list[int]:
        """Packets of the rules at these positions. Raises ValueError."""
        return [int(counters[rule].partition(":")[0]) for rule in rules]

    def numbers(self, counter: str) -> tuple[int, int]:
        """Packets and bytes. Raises ValueError."""
        packets, octets = counter.split(":")
        return int(packets), int(octets)

    def frame(self, text: str) -> list[str]:
        """The lines in parts, with an empty one for each counter."""
        lines = text.split("\n[")
        frame = [""] * (2 * len(lines) + 1)
        frame[0] = "["
        frame[2::2] = [line[line.index("]") :] + "\n[" for line in lines]
        frame[-1] = frame[-1][:-2]  # its line end is there, and no further line
        return frame

    def read_rules(self, text: str, rule_of: RuleOf) -> tuple[tuple[str, ...], tuple[Rule | None, ...]]:
        """The hash of each rule, and what it says; None for one that cannot be read."""
        rules: list[Rule | None] = []
        hashes: list[str] = []
        for position, after_name in enumerate(_RULE.findall(text)):
            before, comment, behind = after_name.partition(_HASH_COMMENT)
            if comment and behind.find('"') == _HASH_LENGTH:
                rule_hash, body = behind[:_HASH_LENGTH], before + behind[_HASH_LENGTH + 1 :]
            else:  # not Felix's: told apart by its place and text
                rule_hash, body = f"{position}{after_name}", after_name
            hashes.append(rule_hash)
            if body not in rule_of:
                rule_of[body] = rule_or_none(parse_rule, body)
            rules.append(rule_of[body])
        return tuple(hashes), tuple(rules)


FORM = IptablesForm()


@dataclass(frozen=True, slots=True)
class IptablesTable:
    """Where the filter table stands in a dump: its chain declarations from `start`, its rules from `rules` on."""

    text: str
    start: int
    rules: int
    form: IptablesForm = FORM

    @property
    def declared(self) -> str:
        """The declarations of Calico's chains; those of built-in ones come before and have counters."""
        first = self.text.find("\n:cali-", self.start, self.rules)
        return self.text[first : self.rules] if first >= 0 else ""

    def ends_at(self, position: int) -> bool:
        """True if no rule comes here or later."""
        return self.text.startswith("COMMIT", position)

    def chain_at(self, position: int) -> str | None:
        """The chain of the line that starts here; None if the line is no rule."""
        found = _CHAIN.match(self.text, position)
        return found[1] if found else None

    def chain_end(self, position: int) -> int:
        """Where the neighbouring lines of the chain of this line end."""
        block = _BLOCK.match(self.text, position)
        return block.end() + 1 if block else self._next_line(position)

    def skip(self, position: int) -> int:
        """Where the line after one that is no rule starts. Raises DumpError and MalformedCounterError."""
        after = self._next_line(position)
        if (spoilt := _FELIX_RULE.search(self.text, position, after)) is not None:
            raise MalformedCounterError(spoilt[1])
        return after

    def _next_line(self, position: int) -> int:
        end = self.text.find("\n", position)
        if end < 0:  # the last line should have been COMMIT
            raise DumpError("truncated", "the dump ends before COMMIT")
        return end + 1


def filter_table(text: str) -> IptablesTable:
    """The filter table of a dump. Raises DumpError."""
    if not text or text.isspace():
        raise DumpError("empty", "the dump is empty")
    start = 0 if text.startswith("*filter\n") else text.find("\n*filter\n")
    if start < 0:
        raise DumpError("empty", "the dump has no filter table")
    if "\nCOMMIT" not in text[-_TAIL:]:
        raise DumpError("truncated", "the dump ends before COMMIT")
    declared = _DECLARATIONS.match(text, text.index("*filter\n", start) + len("*filter\n"))
    return IptablesTable(text, start, declared.end() if declared else start)
