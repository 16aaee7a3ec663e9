"""Dumps read line by line, remembering nothing: what the naive count starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LINE = re.compile(r"\[(\d+):(\d+)\] -A (\S+) (.*)")
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_DECLARED = re.compile(r":(cali-\S+) ")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule with its counters. `mark` and `set_mark` are as printed, empty where there are none."""

    packets: int
    octets: int
    hash: str
    comments: tuple[str, ...]
    target: str
    mark: str
    set_mark: str
    nflog: str
    states: str

    @property
    def drops(self) -> bool:
        return self.target in {"DROP", "REJECT"}

    def says(self, text: str) -> bool:
        return any(text in comment for comment in self.comments)

    def count(self, *, octets: bool) -> int:
        return self.octets if octets else self.packets


Chains = Mapping[str, Sequence[Line]]


def read(text: str) -> Chains:
    """Felix's chains by name, those without rules too."""
    chains: dict[str, list[Line]] = {name: [] for name in _DECLARED.findall(text)}
    for line in text.split("\n"):
        if (found := _LINE.fullmatch(line)) and found[3].startswith("cali-"):
            chains[found[3]].append(Line(int(found[1]), int(found[2]), *_words(found[4])))
    return chains


@lru_cache
def _words(text: str) -> tuple[str, tuple[str, ...], str, str, str, str, str]:
    words = [quoted or plain for quoted, plain in _WORD.findall(text)]

    def after(option: str) -> list[str]:
        return [words[place + 1] for place, word in enumerate(words) if word == option]

    own, *free = after("--comment")
    target, mark, set_mark, nflog, states = (
        "".join(after(option)) for option in ("-j", "--mark", "--set-xmark", "--nflog-prefix", "--ctstate")
    )
    return own, tuple(free), target, mark, set_mark, nflog, states
