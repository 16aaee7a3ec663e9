"""Rules and chains of iptables in two spellings: as Felix writes them and as `iptables-save` prints them.

Rule hashes are taken over Felix's spelling (`felix/iptables/renderer.go`, `felix/generictables`), so every word
of it counts.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_PRINTED_FIRST = "sdiop"  # iptables-save prints -s -d -i -o -p, in this order, before all modules
_UNSAFE_IN_COMMENT = re.compile(r"[^A-Za-z0-9_ @%+=:,./-]")
_LONGEST_COMMENT = 256


@dataclass(frozen=True, slots=True)
class Part:
    """One match or target: `written` by Felix, `printed` by `iptables-save`."""

    written: str
    printed: str

    @property
    def rank(self) -> int:
        """Place among the parts when printed; modules keep Felix's order."""
        letter = self.printed[1:2] if self.printed[2:3] == " " else ""
        return _PRINTED_FIRST.find(letter) if letter and letter in _PRINTED_FIRST else len(_PRINTED_FIRST)


@dataclass(frozen=True, slots=True)
class Rule:
    """One iptables rule. Without a target it only counts."""

    target: Part | None = None
    matches: tuple[Part, ...] = ()
    comments: tuple[str, ...] = ()

    def written(self, first: str) -> str:
        """Felix's spelling after `-A chain`; `first` is the hash comment, or `HASH` while hashing."""
        comments = [f'-m comment --comment "{_safe(text)}"' for text in self.comments]
        parts = [part.written for part in self._parts()]
        return " ".join([first, *comments, *parts])

    def printed(self, rule_hash: str) -> str:
        """The spelling of `iptables-save` after `-A chain`."""
        comments = [f"-m comment --comment {quoted(_safe(text))}" for text in (f"cali:{rule_hash}", *self.comments)]
        matches = sorted(self.matches, key=lambda part: part.rank)
        early = [part.printed for part in matches if part.rank < len(_PRINTED_FIRST)]
        late = [part.printed for part in matches if part.rank == len(_PRINTED_FIRST)]
        target = [self.target.printed] if self.target else []
        return " ".join([*early, *comments, *late, *target])

    def _parts(self) -> Iterator[Part]:
        yield from self.matches
        if self.target is not None:
            yield self.target


@dataclass(frozen=True)
class Chain:
    """A chain and its rules in order of evaluation."""

    name: str
    rules: tuple[Rule, ...] = ()
    appended: bool = False  # to a chain of the kernel's, after the rules of others

    @property
    def hashed_name(self) -> str:
        """What stands for the chain's name in hashes: rules that are appended are hashed apart."""
        return f"{self.name}*appends*" if self.appended else self.name

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The 16 characters after `cali:` per rule; each depends on the chain's name and all rules before."""
        name = self.hashed_name
        digest = hashlib.sha224(name.encode()).digest()
        hashes = []
        for rule in self.rules:
            digest = hashlib.sha224(digest + f"-A {name} {rule.written('HASH')}".encode()).digest()
            hashes.append(base64.urlsafe_b64encode(digest).decode()[:16])
        return tuple(hashes)

    @cached_property
    def written(self) -> tuple[str, ...]:
        """Felix's spelling of each rule, after `-A chain`."""
        pairs = zip(self.rules, self.hashes, strict=True)
        return tuple(rule.written(f'-m comment --comment "cali:{rule_hash}"') for rule, rule_hash in pairs)

    def jumps(self) -> Iterator[str]:
        """Chains this one jumps or goes to."""
        for rule in self.rules:
            if rule.target is not None:
                verb, name = rule.target.written.split(" ")[:2]
                if verb == "--goto" or name.startswith("cali-"):
                    yield name


def quoted(value: str) -> str:
    """A value as `iptables-save` prints it: in quotes if it has anything but letters, digits, `_` and `-`."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", value):
        return value
    escaped = re.sub(r"([\"'\\])", r"\\\1", value)
    return f'"{escaped}"'


def _safe(comment: str) -> str:
    return _UNSAFE_IN_COMMENT.sub("_", comment)[:_LONGEST_COMMENT]
