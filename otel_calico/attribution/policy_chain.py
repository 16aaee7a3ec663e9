"""Reads policy chains (`cali-pi-`, `cali-po-`) and group chains (`cali-gi-`, `cali-go-`).

A policy chain belongs to every endpoint of the node that jumps to it, so its counters are the node's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from otel_calico.calico.chains import POLICY_PREFIXES
from otel_calico.calico.model import Direction, Verdict
from otel_calico.ruleset.rule import Rule


@dataclass(frozen=True, slots=True)
class Marks:
    """Felix's accept and pass bits. They depend on its settings, so they are read from the rules."""

    accept: int
    pass_: int


FELIX_DEFAULT_MARKS = Marks(accept=0x10000, pass_=0x20000)
"""Lowest bits of the default `IptablesMarkMask` 0xffff0000 (`felix/dataplane/driver.go`)."""


@dataclass(frozen=True, slots=True)
class PolicyChain:
    """What a policy chain says: the positions of the rules that decide, by verdict, and how many could not be read."""

    direction: Direction
    deciding: tuple[tuple[Verdict, int], ...]
    unread: int = 0

    def can(self, verdict: Verdict) -> bool:
        """True if some rule of the policy gives this verdict."""
        return any(given is verdict for given, _ in self.deciding)


def infer_marks(accept: Iterable[int], pass_: Iterable[int]) -> Marks:
    """The node's bits, from what its endpoint chains show; Felix's defaults where they show nothing."""
    return Marks(
        _most_common(accept, FELIX_DEFAULT_MARKS.accept),
        _most_common(pass_, FELIX_DEFAULT_MARKS.pass_),
    )


def direction_of(chain: str) -> Direction | None:
    """Direction of a policy chain; None if the name is not one."""
    return next((way for way, prefix in POLICY_PREFIXES.items() if chain.startswith(prefix)), None)


def read_policy_chain(direction: Direction, rules: Sequence[Rule | None], marks: Marks) -> PolicyChain:
    """Find the deciding rules.

    Allow and pass set a mark; the `RETURN` after it may be left out (v3.28+), so the mark rule counts. Other
    `MARK` rules use scratch bits. From v3.30 a deny sets a mark as well; up to then it drops at once: either
    way the dropping rule counts.
    """
    deciding: list[tuple[Verdict, int]] = []
    unread = 0
    for position, rule in enumerate(rules):
        if rule is None:
            unread += 1
        elif rule.drops:
            deciding.append((Verdict.DENY, position))
        elif rule.set_mark and rule.set_mark.all_set:
            if rule.set_mark.mask == marks.accept:
                deciding.append((Verdict.ALLOW, position))
            elif rule.set_mark.mask == marks.pass_:
                deciding.append((Verdict.PASS, position))
    return PolicyChain(direction, tuple(deciding), unread)


def read_group_chain(rules: Sequence[Rule | None]) -> Mapping[str, int]:
    """The group's policy chains in order of evaluation, with the positions of the jumps to them.

    Group names are hashes: only the jumps tell.
    """
    jumps = ((rule.target, place) for place, rule in enumerate(rules) if rule and rule.target)
    return {target: place for target, place in jumps if direction_of(target) is not None}


def _most_common(bits: Iterable[int], default: int) -> int:
    found = Counter(bits).most_common(1)
    return found[0][0] if found else default
