"""Joins the lines that a mail program broke where it found a space. Pure."""

from __future__ import annotations

import re

_LONGEST = 132  # columns; nearly every rule of Felix's is longer, and no mail program leaves longer lines
_BEGINS = re.compile(r"\[|:|#|\*|COMMIT|-A |$")


def unfolded(rules: str) -> str:
    """The lines of a table, each again on one line if all were broken; else as they are: what is no rule is told."""
    lines = rules.split("\n")
    if max(map(len, lines)) > _LONGEST:
        return rules
    whole: list[str] = []
    for line in lines:
        if whole and not _BEGINS.match(line):
            whole[-1] = f"{whole[-1].rstrip()} {line}"
        else:
            whole.append(line)
    return "\n".join(whole)
