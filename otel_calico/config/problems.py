"""The report of wrong settings: each with its source and what is allowed, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

MAX_SHOWN = 60
_CREDENTIALS = re.compile(r"//[^/@\s]*@")


class ConfigError(Exception):
    """Settings that cannot be used. `problems` has one line for each problem; the message is that line, or a list."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        several = f"{len(self.problems)} problems in the settings:{lines}"
        super().__init__(self.problems[0] if len(self.problems) == 1 else several)


def shown(given: str) -> str:
    """A value fit for a message: quoted, cut, without credentials; a text of many lines may be a key, so not at all."""
    if "\n" in given or "-----BEGIN" in given:
        return "a text of several lines"
    masked = _CREDENTIALS.sub("//***@", given)
    cut = masked if len(masked) <= MAX_SHOWN else masked[:MAX_SHOWN] + "…"
    return f'"{cut}"' if cut.isprintable() else repr(cut)


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a sentence that names the nearest known name, by its whole or by its last part."""
    candidates = sorted(known)
    by_last_part = {candidate.rsplit(".", 1)[-1]: candidate for candidate in candidates}
    near = get_close_matches(name, candidates, n=1, cutoff=0.7)
    if not near:
        near = [
            by_last_part[part] for part in get_close_matches(name.rsplit(".", 1)[-1], by_last_part, n=1, cutoff=0.7)
        ]
    return f"; did you mean {prefix}{near[0]}?" if near else ""
