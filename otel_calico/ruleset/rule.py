"""One rule's text, read by option name: `iptables` versions differ in the order they print options.

`iptables-save` prints `-s -d -i -o -p` before all `-m` modules whatever Felix wrote, quotes a value that has a
character outside `[A-Za-z0-9_-]`, and escapes `"`, `'` and `\\` inside quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CUT = "…"
"""Ends a comment, or the name of a tier in it, that Felix had no room for."""

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FELIX_HASH = re.compile(r"cali:[A-Za-z0-9_-]{16}")


class MalformedRuleError(ValueError):
    """The text is no rule as `iptables-save` prints one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Bits of the packet mark: those of `mask` are, or are set to, those of `value`."""

    value: int
    mask: int

    @property
    def all_set(self) -> bool:
        """True where every bit of the mask is one: how Felix tests and sets its own bits."""
        return self.mask != 0 and self.value == self.mask


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule says; counters, chain and hash left off, so that equal rules can share it.

    `comments` are Felix's free texts in order. `target` is a built-in target or a chain, `None` for Felix's
    placeholder rules. `mark` is what the packet mark must (`mark_inverted`: must not) be.
    """

    comments: tuple[str, ...] = ()
    target: str | None = None
    mark: Mark | None = None
    mark_inverted: bool = False
    set_mark: Mark | None = None
    ctstates: frozenset[str] = frozenset()
    nflog_prefix: str | None = None

    @property
    def drops(self) -> bool:
        """True where the rule ends a packet's way (`IptablesFilterDenyAction` is DROP or, v3.26+, REJECT)."""
        return self.target in {"DROP", "REJECT"}

    def says(self, text: str) -> bool:
        """True if one of the comments contains the text."""
        return any(text in comment for comment in self.comments)


def rule_or_none(read: Callable[..., Rule], *texts: str) -> Rule | None:
    """What one of the readers makes of a rule's texts, `parse_rule` or `read_rule`; None where it finds no rule."""
    try:
        return read(*texts)
    except MalformedRuleError:
        return None


def parse_rule(text: str) -> Rule:
    """Read the part of a line after `-A <chain>`. Raises MalformedRuleError."""
    comments: list[str] = []
    target: str | None = None
    mark: Mark | None = None
    mark_inverted = inverted = False
    set_mark: Mark | None = None
    ctstates: frozenset[str] = frozenset()
    nflog_prefix: str | None = None
    words = _words(text)
    for word in words:
        if word == "--comment":
            comments.append(_value(words, word))
        elif word in {"-j", "-g"}:
            target = _value(words, word)
        elif word == "--mark":
            mark, mark_inverted = _mark(_value(words, word)), inverted
        elif word == "--set-xmark":
            set_mark = _mark(_value(words, word))
        elif word == "--ctstate":
            ctstates = frozenset(_value(words, word).split(","))
        elif word == "--nflog-prefix":
            nflog_prefix = _value(words, word)
        inverted = word == "!"
    free = tuple(comment for comment in comments if not _FELIX_HASH.fullmatch(comment))
    return Rule(free, target, mark, mark_inverted, set_mark, ctstates, nflog_prefix)


def _words(text: str) -> Iterator[str]:
    for quoted, plain in _WORD.findall(text):
        if not plain:
            yield _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted
        elif plain.startswith('"'):
            raise MalformedRuleError(f"unfinished quote: {text!r}")
        else:
            yield plain


def _value(words: Iterator[str], option: str) -> str:
    try:
        return next(words)
    except StopIteration:
        raise MalformedRuleError(f"no value after {option}") from None


def _mark(text: str) -> Mark:
    value, _, mask = text.partition("/")
    try:
        return Mark(int(value, 16), int(mask, 16) if mask else 0xFFFFFFFF)
    except ValueError:
        raise MalformedRuleError(f"no mark: {text!r}") from None
