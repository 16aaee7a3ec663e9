"""Takes off what stands before each line of a quoted text: `> `, `# `, indentation, line numbers, times.

A table of iptables-save begins with `*filter` on a line of its own, and JSON set for people with `{`. What stands
before that, and again before the next line, is a prefix.
"""

from __future__ import annotations

import re

TABLES = ("filter", "mangle", "nat", "raw", "security")
"""All tables of iptables."""

_FIRST_LINE = re.compile(rf"(?:\*(?:{'|'.join(TABLES)})|[{{\[])[ \t]*\n")
_NEXT_LINE = re.compile(r'[:\[#*{"}\]]|COMMIT|-A ')
_SPACE, _NUMBER = r"[^\S\n]*", r"\d+"
_PARTS = re.compile(r"([^\S\n]+)|(\d+)|(.)")
_LONGEST = 80
_MOST = 8  # different prefixes in one text: who quotes a quotation has two


def without_prefixes(text: str) -> str:
    """The text without the prefixes that its tables show, line by line."""
    for _ in range(_MOST):
        prefix = _prefix(text)
        if prefix is None:
            break
        text = prefix.sub("", text)
    return text


def _prefix(text: str) -> re.Pattern[str] | None:
    for found in _FIRST_LINE.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        if not 0 < found.start() - start <= _LONGEST:
            continue
        prefix = re.compile(f"^{_general(text[start : found.start()])}", re.MULTILINE)
        following = prefix.match(text, found.end())
        if following and following.end() > following.start() and _NEXT_LINE.match(text, following.end()):
            return prefix
    return None


def _general(prefix: str) -> str:
    """The prefix with any number in the place of each number, and any space, or none, for a space."""
    return "".join(
        _SPACE if space else _NUMBER if number else re.escape(other) for space, number, other in _PARTS.findall(prefix)
    )
