"""Reads the profiles of an endpoint chain, which decide where no policy does.

Sources: `felix/rules/endpoints.go` (the jumps), `felix/rules/policy.go` (the naming comment, v3.22+).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from otel_calico.attribution.planned_series import Difference
from otel_calico.calico.chains import PROFILE_PREFIXES
from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import Layout

PROFILE_TARGETS = tuple(PROFILE_PREFIXES.values())
_NAMING_COMMENT = re.compile(r"Profile ([^\s=]+) (?:ingress|egress)")


@dataclass(frozen=True, slots=True)
class ProfileJump:
    """A jump to a profile's chain. Numbers are positions of rules in the endpoint chain.

    `entered` counts the packets that reach the profile, `accepted` those it accepted, `following` those that it did not
    decide: the next jump to a profile, or the end of the chain. None where that rule is missing.
    """

    target: str
    entered: int
    accepted: int
    following: int | None

    @property
    def denied(self) -> Difference | None:
        """Packets that the profile denied; None where no rule counts those it did not decide."""
        return None if self.following is None else Difference(self.entered, (self.accepted, self.following))


def read_profile_jumps(rules: Sequence[Rule | None]) -> tuple[ProfileJump, ...]:
    """The jumps of an endpoint chain in order, each followed by the rule that returns what the profile accepted."""
    jumps = [(place, rule.target) for place, rule in enumerate(rules) if rule and _is_profile(rule)]
    return tuple(
        ProfileJump(target or "", place, place + 1, _following(rules, place + 2))
        for place, target in jumps
        if place + 1 < len(rules) and _returns_accepted(rules[place + 1])
    )


def profile_name(chain: str, layout: Layout | None) -> str:
    """What the chain's own name holds; where that is hashed, the name in the chain's naming comment (v3.22+)."""
    prefix = next(prefix for prefix in PROFILE_TARGETS if chain.startswith(prefix))
    if not chain.startswith(f"{prefix}_"):
        return chain.removeprefix(prefix)
    first = layout.rules[0] if layout and layout.rules else None
    match = _NAMING_COMMENT.fullmatch(first.comments[-1]) if first and first.comments else None
    return match[1] if match else chain


def _following(rules: Sequence[Rule | None], place: int) -> int | None:
    """The rule there, if every undecided packet reaches it: the next jump, or the drop (or its NFLOG) at the end."""
    rule = rules[place] if place < len(rules) else None
    if rule is None or rule.mark is not None:
        return None
    return place if _is_profile(rule) or rule.target == "NFLOG" or rule.drops else None


def _is_profile(rule: Rule) -> bool:
    return rule.target is not None and rule.target.startswith(PROFILE_TARGETS)


def _returns_accepted(rule: Rule | None) -> bool:
    return bool(rule and rule.target == "RETURN" and rule.mark and rule.mark.all_set)
