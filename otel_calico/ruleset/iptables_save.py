"""The form of `iptables-save -t TABLE -c`.

Other tables are passed over, so a saved dump of all tables can be read too.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from otel_calico.ruleset.dump import DumpError, garbled
from otel_calico.ruleset.rule import Rule, parse_rule, rule_or_none

_COUNTER = "[0-9]{1,20}+:[0-9]{1,20}+"  # the kernel's numbers have 64 bits
_COUNTERS = re.compile(rf"{_COUNTER}(?:,{_COUNTER})*+")
_BLOCK = re.compile(rf"\[{_COUNTER}\] -A (\S+)(?: [^\n]*)?(?=\n)(?:\n\[{_COUNTER}\] -A \1(?: [^\n]*)?(?=\n|$))*")
"""All neighbouring lines of one chain."""

_DECLARATIONS = re.compile(r"(?::[^\n]*\n)*")
_CHAIN = re.compile(rf"\[{_COUNTER}\] -A (\S+)")
_FELIX_RULE = re.compile(r"\] -A (cali-\S+)")
_RULE = re.compile(r"\] -A \S+([^\n]*)\n")
_FELIX_RULES = re.compile(r'\] -A \S+([^"\n]*?) -m comment --comment "cali:([^"\n]{16})"([^\n]*)\n')
"""Nearly all rules of Felix's chains: what comes before the hash (mostly nothing), the hash, the rest."""

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

    def are_numbers(self, counters: Sequence[str]) -> bool:
        """True if each of them stands for two numbers."""
        return _COUNTERS.fullmatch(",".join(counters)) is not None

    def packets(self, counters: Iterable[str]) -> list[int]:
        """Packets of each."""
        return [int(counter.partition(":")[0]) for counter in counters]

    def numbers(self, counter: str) -> tuple[int, int]:
        """Packets and bytes."""
        packets, octets = counter.split(":")
        return int(packets), int(octets)

    def counter(self, packets: int, octets: int) -> str:
        """The text that stands for so many packets and bytes."""
        return f"{packets}:{octets}"

    def lines(self, text: str) -> list[str]:
        """Each line with its end."""
        return [f"{line}\n" for line in text.split("\n")[:-1]]

    def frame(self, text: str) -> list[str]:
        """The lines in parts, with an empty one for each counter."""
        lines = text.split("\n[")
        frame = [""] * (2 * len(lines) + 1)
        frame[0] = "["
        frame[2::2] = [line[line.index("]") :] + "\n[" for line in lines]
        frame[-1] = frame[-1][:-2]  # its line end is there, and no further line
        return frame

    def rule_texts(self, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The hash of each rule, and the rest of it after the chain's name."""
        found = _FELIX_RULES.findall(text)
        if len(found) != text.count("\n"):
            found = [_parted(position, rule) for position, rule in enumerate(_RULE.findall(text))]
        before, hashes, behind = zip(*found, strict=True)
        return hashes, tuple(map(operator.add, before, behind)) if any(before) else behind

    def read_rule(self, text: str) -> Rule | None:
        """What the rest of a rule says; None if it is none."""
        return rule_or_none(parse_rule, text)


FORM = IptablesForm()


@dataclass(frozen=True, slots=True)
class IptablesTable:
    """Where a table stands in a dump: its rules from `rules` on, after what it `declared`."""

    text: str
    declared: str
    rules: int
    form: IptablesForm = FORM
    identity: str = ""

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
        """Where the line after one that is no rule starts. Raises DumpError."""
        after = self._next_line(position)
        if (spoilt := _FELIX_RULE.search(self.text, position, after)) is not None:
            raise garbled(spoilt[1])
        return after

    def _next_line(self, position: int) -> int:
        end = self.text.find("\n", position)
        if end < 0:  # the last line should have been COMMIT
            raise DumpError("truncated", "the dump ends before COMMIT")
        return end + 1


def iptables_table(text: str, name: str, declared: str) -> IptablesTable:
    """The table of this name in a dump. `declared` is by that of the scan before, mostly the same. Raises DumpError."""
    if not text or text.isspace():
        raise DumpError("empty", "the dump is empty")
    heading = f"*{name}\n"
    start = 0 if text.startswith(heading) else text.find(f"\n{heading}")
    if start < 0:
        raise DumpError("empty", f"the dump has no {name} table")
    if "\nCOMMIT" not in text[-_TAIL:]:
        raise DumpError("truncated", "the dump ends before COMMIT")
    begin = text.index(heading, start) + len(heading)
    first = text.find("\n:cali-", begin - 1) + 1  # those of built-in chains come before Calico's, and have counters
    rules = first + len(declared)
    as_before = declared and text.startswith(declared, first) and not text.startswith(":", rules)
    if not as_before or _declarations_end(text, begin, first) != first:
        rules = _declarations_end(text, begin, len(text))
        declared = text[first:rules] if 0 < first < rules else ""
    return IptablesTable(text, declared, rules)


def _declarations_end(text: str, start: int, end: int) -> int:
    found = _DECLARATIONS.match(text, start, end)
    return found.end() if found else start


def _parted(position: int, rule: str) -> tuple[str, str, str]:
    """What comes before the hash, the hash, the rest. A rule not of Felix's is told apart by its place and text."""
    before, comment, behind = rule.partition(_HASH_COMMENT)
    if comment and behind.find('"') == _HASH_LENGTH:
        return before, behind[:_HASH_LENGTH], behind[_HASH_LENGTH + 1 :]
    return rule, f"{position}{rule}", ""
