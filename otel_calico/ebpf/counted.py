"""What each match id counts: a rule of a policy, an end of a tier, the lack of a profile, or a profile's rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from otel_calico.calico.model import Direction, Verdict
from otel_calico.calico.policy_names import PolicyName
from otel_calico.ebpf.match_ids import NO_PROFILE
from otel_calico.ebpf.program import Program, ProgramPolicy, ProgramRule, ProgramTier


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What the rules of a policy decided in one way, on the whole node."""

    policy: PolicyName
    direction: Direction
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CountedRule:
    """One rule of a policy; `index` is its place, from 0. Two with another `text` are not the same rule.

    The text is None where nothing tells it, or several do.
    """

    decides: PolicyVerdict
    index: int
    text: str | None


@dataclass(frozen=True, slots=True)
class CountedEnd:
    """The end of a tier."""

    tier: str
    direction: Direction
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CountedOther:
    """What has no series of its own: no profile in both directions, or a rule of a profile."""

    what: str


Counted = CountedRule | CountedEnd | CountedOther

NO_PROFILE_ACCEPTED = CountedOther("no_profile")
_PROFILE_RULE = CountedOther("profile")
UNTOLD = CountedOther("untold")
"""Of id 0 up to v3.29, which counts all ends of tiers and the lack of a profile together."""


def counted_by_id(programs: Iterable[Program], *, tells_ends: bool) -> Mapping[int, Counted]:
    """What the ids in these programs count. XDP programs count nothing; an id that means two things is left out."""
    found: dict[int, Counted] = {NO_PROFILE: NO_PROFILE_ACCEPTED if tells_ends else UNTOLD}
    ambiguous: set[int] = set()
    for program in programs:
        if program.key.is_xdp:
            continue
        for match_id, counted in _of_program(program):
            known = found.setdefault(match_id, counted)
            if known != counted and match_id != NO_PROFILE:
                merged = _same_place(known, counted)
                found[match_id] = merged or known
                ambiguous |= set() if merged else {match_id}
    return {match_id: counted for match_id, counted in found.items() if match_id not in ambiguous}


def _of_program(program: Program) -> Iterator[tuple[int, Counted]]:
    for tier in program.all_tiers:
        for policy in tier.policies:
            for rule in policy.rules:
                if rule.verdict is not None:
                    yield rule.match_id, _counted_rule(policy, rule, rule.verdict)
        yield from _end(tier)
    for profile in program.profiles:
        yield from ((rule.match_id, _PROFILE_RULE) for rule in profile.rules if rule.verdict is not None)


def _counted_rule(policy: ProgramPolicy, rule: ProgramRule, verdict: Verdict) -> CountedRule:
    return CountedRule(PolicyVerdict(policy.name, policy.direction, verdict), rule.index, rule.text)


def _end(tier: ProgramTier) -> Iterator[tuple[int, Counted]]:
    end = tier.end
    if end is not None and end.verdict is not None and end.match_id != NO_PROFILE:
        yield end.match_id, CountedEnd(tier.name, tier.direction, end.verdict)


def _same_place(one: Counted, other: Counted) -> Counted | None:
    """The rule at one place that two programs write differently, as while Felix replaces them one after the other."""
    if not (isinstance(one, CountedRule) and isinstance(other, CountedRule)):
        return None
    same = (one.decides, one.index) == (other.decides, other.index)
    return CountedRule(one.decides, one.index, None) if same else None
