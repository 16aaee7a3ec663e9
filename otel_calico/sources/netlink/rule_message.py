"""What a message of one rule holds: its handle, its comment, what it says, and where its counter stands.

Attributes are those of `linux/netfilter/nf_tables.h`; a comment is in the user data, in the form of libnftnl.
"""

from __future__ import annotations

from typing import NamedTuple

from otel_calico.ruleset.nft_rule import rule_of, split_comment
from otel_calico.ruleset.rule import MalformedRuleError, Rule
from otel_calico.sources.netlink.expressions import in_words_of_nft, split_expressions
from otel_calico.sources.netlink.messages import (
    MalformedMessageError,
    Message,
    attributes,
    string,
)

NEW_RULE = 6  # NFT_MSG_NEWRULE
_HANDLE, _EXPRESSIONS, _USER_DATA = 3, 4, 7  # NFTA_RULE_*
_BYTES, _PACKETS = 1, 2  # NFTA_COUNTER_*
_COMMENT = 0  # NFTNL_UDATA_RULE_COMMENT
_COUNTER_SIZE = 8
_ZERO = bytes(_COUNTER_SIZE)
_NAME_OF_COUNTER = b"counter\0"


class Counter(NamedTuple):
    """Where a counter's two numbers stand, each of eight bytes in network byte order."""

    octets_at: int
    packets_at: int


class RuleMessage(NamedTuple):
    """One rule. `text` is what `read_text` reads: the same for rules that say the same."""

    handle_at: int
    counter: Counter | None
    hash: str
    text: bytes


class RuleMessages:
    """Reads the messages of one scan's new rules. Pods of one kind have the same rules, of which one is looked into."""

    def __init__(self) -> None:
        self._counters: dict[tuple[int, bytes], Counter | None] = {}  # by where it seems to be, and all around it

    def read(self, data: bytes, message: Message) -> RuleMessage:
        """Take one message apart. Raises MalformedMessageError."""
        handle_at, expressions, comment = 0, b"", ""
        start = 0
        for kind, first, last in attributes(data, message.start, message.end):
            if kind == _HANDLE and last - first == _COUNTER_SIZE:
                handle_at = first
            elif kind == _EXPRESSIONS:
                start, expressions = first, data[first:last]
            elif kind == _USER_DATA:
                comment = _comment(data[first:last])
        if message.type != NEW_RULE or not handle_at:
            raise MalformedMessageError(f"a message of type {message.type} is no rule")
        counter, without = self._counter(expressions)
        rule_hash, free = split_comment(comment)
        there = Counter(start + counter.octets_at, start + counter.packets_at) if counter else None
        return RuleMessage(handle_at, there, rule_hash, free.encode() + b"\0" + without)

    def _counter(self, expressions: bytes) -> tuple[Counter | None, bytes]:
        """Where in a list of expressions the first counter's numbers are, and the list with zeros in their place."""
        guess = expressions.find(_NAME_OF_COUNTER)
        if guess >= 0:
            numbers = guess + len(_NAME_OF_COUNTER)
            known = numbers, _blank(expressions, Counter(numbers + 8, numbers + 20))
            if known in self._counters:  # all else is as it was where it was looked into
                return self._counters[known], known[1]
        else:
            known = -1, expressions
        counter = _find_counter(expressions)
        without = _blank(expressions, counter) if counter else expressions
        if without == known[1]:
            self._counters[known] = counter
        return counter, without


def read_text(text: bytes) -> Rule | None:
    """What a rule says; None if it is none that is understood."""
    comment, _, expressions = text.partition(b"\0")
    try:
        return rule_of(comment.decode(), in_words_of_nft(expressions))
    except MalformedRuleError:
        return None


def _find_counter(expressions: bytes) -> Counter | None:
    for name, start, end in split_expressions(expressions, 0, len(expressions)):
        if name != "counter":
            continue
        found = {kind: first for kind, first, last in attributes(expressions, start, end) if last - first == 8}
        if _BYTES not in found or _PACKETS not in found:
            raise MalformedMessageError("a counter has no two numbers")
        return Counter(found[_BYTES], found[_PACKETS])
    return None


def _blank(expressions: bytes, counter: Counter) -> bytes:
    """The expressions with zeros for the counter's numbers."""
    first, second = min(counter), max(counter)
    between = expressions[first + _COUNTER_SIZE : second]
    return b"".join((expressions[:first], _ZERO, between, _ZERO, expressions[second + _COUNTER_SIZE :]))


def _comment(user_data: bytes) -> str:
    """The comment among a rule's user data, which is types, lengths and values of one byte, one byte and any."""
    position = 0
    while position + 2 <= len(user_data):
        kind, length = user_data[position], user_data[position + 1]
        if kind == _COMMENT:
            return string(user_data[position + 2 : position + 2 + length])
        position += 2 + length
    return ""
