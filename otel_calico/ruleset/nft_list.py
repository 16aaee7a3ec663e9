"""The form of `nft -j -t list table ip calico`: one line of JSON, in which a rule's counter stands amid its text.

Decoding all of it would cost more than everything else a scan does. So it is cut where rules begin, and only a rule
not seen before is decoded. Chains of other layers than `filter` keep their prefix (`layers`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from otel_calico.ruleset.dump import DumpError, garbled
from otel_calico.ruleset.layers import CALICO_CHAINS
from otel_calico.ruleset.nft_json import IPV4, calico_tables
from otel_calico.ruleset.nft_rule import read_rule, split_comment
from otel_calico.ruleset.rule import Rule, rule_or_none

# A quote within a JSON string is escaped: none of these can stand inside a comment.
_START = ', {"rule": {'
_COUNTER = '{"counter": {"packets": '
_BETWEEN = ', "bytes": '
_CHAIN = re.compile(r', \{"rule": \{"family": "[^"]*", "table": "calico", "chain": "(filter-)?([^"]*)", ')
_RULE = re.compile(
    _CHAIN.pattern + r'"handle": \d+(?:, "comment": "((?:[^"\\]|\\.)*)")?(?:, "expr": (.*))?\}\}', re.DOTALL
)
_TABLE = re.compile(r'\{"table": \{[^}]*\}\}')
_LAYER = "filter-"
_NOT_COUNTED = ""
_COUNTER_OR_NONE = rf"(?:-?[0-9]{{1,20}}+{_BETWEEN}-?[0-9]{{1,20}}+)?"
_COUNTERS = re.compile(rf"{_COUNTER_OR_NONE}(?:;{_COUNTER_OR_NONE})*+")
_64_BITS = (1 << 64) - 1  # nft prints a counter of 2^63 and more as a negative number


class NftForm:
    """Lines like `, {"rule": {…, "expr": […, {"counter": {"packets": PACKETS, "bytes": BYTES}}, …]}}`.

    Some rules have no counter; theirs is an empty text, which stands for zero.
    """

    def line_count(self, text: str) -> int:
        """How many lines there are."""
        return text.count(_START)

    def counters_in(self, text: str, lines: int = -1) -> list[str]:
        """The counter of each line, or of so many from the first on."""
        parted = text.split(_START, lines + 1 if lines >= 0 else -1)
        return [_counter(line) for line in parted[1 : lines + 1 if lines >= 0 else None]]

    def are_numbers(self, counters: Sequence[str]) -> bool:
        """True if each of them stands for two numbers."""
        return _COUNTERS.fullmatch(";".join(counters)) is not None

    def packets(self, counters: Iterable[str]) -> list[int]:
        """Packets of each."""
        return [int(counter.partition(",")[0] or 0) & _64_BITS for counter in counters]

    def numbers(self, counter: str) -> tuple[int, int]:
        """Packets and bytes."""
        if counter == _NOT_COUNTED:
            return 0, 0
        packets, octets = counter.split(_BETWEEN)
        return int(packets) & _64_BITS, int(octets) & _64_BITS

    def counter(self, packets: int, octets: int) -> str:
        """The text that stands for so many packets and bytes."""
        return f"{packets}{_BETWEEN}{octets}"

    def lines(self, text: str) -> list[str]:
        """Each line as it stands."""
        return [_START + line for line in text.split(_START)[1:]]

    def frame(self, text: str) -> list[str]:
        """The lines in parts, with an empty one for each counter."""
        frame = [""]
        for line in text.split(_START)[1:]:
            before, after = _parted(_START + line)
            frame[-1] += before
            frame += ["", after]
        return frame

    def rule_texts(self, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The hash of each rule, and its comment without it, a line end, and its expressions with a counter at zero."""
        lines = text.split(_START)[1:]
        hashes, texts = zip(*map(_rule_text, range(len(lines)), lines), strict=True)
        return hashes, texts

    def read_rule(self, text: str) -> Rule | None:
        """What a comment and expressions say; None if they are no rule."""
        comment, _, expressions = text.partition("\n")
        return rule_or_none(read_rule, comment, expressions)


FORM = NftForm()


@dataclass(frozen=True, slots=True)
class NftTable:
    """The table `calico` in a list: chains and maps up to `rules`, rules up to `end`."""

    text: str
    rules: int
    end: int
    form: NftForm = FORM

    @property
    def identity(self) -> str:
        """The table with its handle. Handles of its rules begin anew in another table."""
        found = _TABLE.search(self.text, 0, self.rules)
        return found[0] if found else ""

    @property
    def declared(self) -> str:
        """The part that names Calico's chains, empty if there are none."""
        if self.text.find(f'"name": "{_LAYER}cali-', 0, self.rules) < 0:
            return ""
        found = (self.text.find(f'"name": "{start}', 0, self.rules) for start in CALICO_CHAINS)
        return self.text[min(place for place in found if place >= 0) : self.rules]

    def ends_at(self, position: int) -> bool:
        """True if no rule comes here or later."""
        return position >= self.end

    def chain_at(self, position: int) -> str | None:
        """The chain of the rule that starts here; None if it is none."""
        found = _CHAIN.match(self.text, position)
        return found[2] if found else None

    def chain_end(self, position: int) -> int:
        """Where the neighbouring rules of the chain of this rule end."""
        found = _CHAIN.match(self.text, position)
        start = found[0] if found else _START
        while self.text.startswith(start, position):
            position = self.text.find(_START, position + 1, self.end)
            if position < 0:
                return self.end
        return position

    def skip(self, position: int) -> NoReturn:
        """Between the rules of a list stands nothing else. Raises DumpError."""
        raise _no_whole_rule(self.text[position:])


def calico_table(text: str) -> NftTable:
    """The table in a list of one IP version. Raises DumpError."""
    table = _table(text)
    if table is None or table.rules == table.end:  # printed by another program, or cut before the first rule
        texts = calico_tables(text)
        if not texts:
            raise DumpError("empty", "the list has no table calico: save it with `nft -j list table ip calico`")
        table = _table(texts.get(IPV4) or next(iter(texts.values())))
    if table is None:
        raise DumpError("truncated", "the list of rules has an unknown form")
    if table.rules < table.end and _COUNTER not in table.text and calico_tables(text):
        raise DumpError("no_counters", "the rules have no counters: save them without `-s`")
    return table


def _table(text: str) -> NftTable | None:
    """The table if the text is as nft prints it, to the end."""
    rules, end = text.find(_START), text.rfind("]}")
    if not text.startswith('{"nftables": [') or end < 0 or text[end + 2 :].strip():
        return None
    if rules < 0:
        return NftTable(text, end, end)
    last = text.rfind(_START) + len(", ")
    whole = _RULE.match(text, rules, _end_of_first(text, rules, end)) and _is_json(text[last:end])
    return NftTable(text, rules, end) if whole else None


def _end_of_first(text: str, rules: int, end: int) -> int:
    second = text.find(_START, rules + 1)
    return end if second < 0 else second


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _counter(line: str) -> str:
    start = line.find(_COUNTER)
    if start < 0:
        return _NOT_COUNTED
    start += len(_COUNTER)
    return line[start : line.find("}", start)]


def _parted(line: str) -> tuple[str, str]:
    """What stands before and after the counter; nothing comes after where there is none."""
    before, found, rest = line.partition(_COUNTER)
    return before + found, rest[rest.find("}") :] if found else ""


def _rule_text(position: int, line: str) -> tuple[str, str]:
    found = _RULE.fullmatch(_START + line)
    if found is None:
        raise _no_whole_rule(line)
    _, chain, comment, expressions = found.groups(default="")
    if not FORM.are_numbers([_counter(expressions)]):
        raise garbled(chain)
    rule_hash, free = split_comment(comment)
    before, after = _parted(expressions)
    text = f"{free}\n{before}0{_BETWEEN}0{after}" if after else f"{free}\n{before}"
    # A rule without a hash is not Felix's: told apart by its place and text.
    return rule_hash or f"{position}{text}", text


def _no_whole_rule(text: str) -> DumpError:
    return DumpError("truncated", f"the list of rules breaks off, or has something else among them: {text[:80]}")
