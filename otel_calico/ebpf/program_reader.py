"""Follows the comments, labels and loads of a policy program in order, and tells the program.

A comment stands on the instruction after it. Where no code comes between, as for what no packet reaches, the comments
of several things stand on one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from otel_calico.calico.chains import KIND_CODES
from otel_calico.calico.model import Direction, PolicyKind, Verdict
from otel_calico.calico.policy_names import PolicyName, ProgrammedName, canonical
from otel_calico.ebpf.match_ids import NO_PROFILE
from otel_calico.ebpf.program import (
    Program,
    ProgramKey,
    ProgramPolicy,
    ProgramProfile,
    ProgramRule,
    ProgramTier,
    TierEnd,
)

_TIER = re.compile(r"Start of tier (\S+)")
_END_OF_TIER = re.compile(r"End of tier \S+?(?:: (deny|pass))?")
_POLICY = re.compile(r"Start of (?:policy|([A-Z]\w+)) (?:([^/\s]+)/)?([^/\s]+)(?: \d+)?")
_STAGED = re.compile(r"Start of +\d+")
_RULE = re.compile(r"Start of rule (.*)", re.DOTALL)
_MATCH_ID = re.compile(r"Rule MatchID: (\d+)")
_END_OF_RULE = re.compile(r"End of rule\b.*", re.DOTALL)
_ACTION = re.compile(r'\baction:\s*"([^"]*)"')
_VARYING = re.compile(r'\s|rule_id:\s*"[^"]*"')
_BRACKETS = str.maketrans("<>", "{}")

_VERDICTS = {"": Verdict.ALLOW, "next-tier": Verdict.PASS} | {verdict.value: verdict for verdict in Verdict}
"""By action; other actions decide nothing."""
_KINDS = {kind.value: kind for kind in PolicyKind}
_OTHER_WAY = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}
_OWN_POLICY = "allowed_by_host_policy"
"""Label where a workload's own policy begins, and where that of a host's interface ends."""
_LOCAL_POLICY = "to_or_from_host"
"""Label where a host's interface has its policy for the node's own traffic."""


@dataclass(slots=True)
class _Policy:
    name: PolicyName
    id_name: str
    rules: list[ProgramRule] = field(default_factory=list)


@dataclass(slots=True)
class _Tier:
    name: str
    policies: list[_Policy] = field(default_factory=list)
    end: TierEnd | None = None


class ProgramReader:
    """Reads one program."""

    def __init__(self, key: ProgramKey) -> None:
        self._key = key
        self._is_host = False
        self._host_tiers: list[_Tier] = []
        self._tiers: list[_Tier] = []
        self._profiles: list[ProgramProfile] = []
        self._in_host_part = True
        self._tier: _Tier | None = None
        self._policy: _Policy | None = None
        self._rule: ProgramRule | None = None
        self._ending: tuple[_Tier, int, Verdict | None] | None = None  # whose end comes now, and its number
        self._ended = 0
        self._jumps_from: _Tier | None = None
        self._tells_ends = False
        self._has_no_profile = False

    def comments(self, labels: Sequence[str], comments: Sequence[str]) -> None:
        """Take what stands on one instruction."""
        own = _LOCAL_POLICY in labels or (_OWN_POLICY in labels and not self._is_host)
        begins = self._own_part_begins(comments) if own else len(comments)
        for comment in comments[:begins]:
            self._comment(comment)
        if own:
            self._is_host |= _LOCAL_POLICY in labels
            self._in_host_part = False
            self._ending = None
        for comment in comments[begins:]:
            self._comment(comment)
        if self._ending and f"end_of_tier_{self._ending[1]}" in labels:
            self._ending = None  # the next thing begins, and there is no code for the end

    def load(self, number: int) -> None:
        """Take a number that the code loads: a match id, where the code counts."""
        if self._rule is not None:
            if self._rule.match_id == number:
                self._rule = replace(self._rule, is_reached=True)
        elif self._ending is not None and not (self._tells_ends and number == NO_PROFILE):
            tier, _, verdict = self._ending
            tier.end = TierEnd(number, verdict)
            self._ending, self._jumps_from = None, tier
        elif number == NO_PROFILE and not self._in_host_part:
            self._has_no_profile = True

    def jump(self, target: str) -> None:
        """Take a jump: the first one after an end of a tier was counted tells what the end does."""
        tier, self._jumps_from = self._jumps_from, None
        if tier and tier.end and tier.end.verdict is None and target.startswith("goto "):
            verdict = Verdict.DENY if target == "goto deny" else Verdict.PASS
            tier.end = TierEnd(tier.end.match_id, verdict)

    def program(self, error: str) -> Program:
        """What was read."""
        # On a workload's interface the host endpoint sees the same packets go the other way.
        way = self._key.direction
        return Program(
            self._key,
            self._is_host,
            _frozen(self._host_tiers, way if self._is_host else _OTHER_WAY[way]),
            _frozen(self._tiers, way),
            tuple(self._profiles),
            self._has_no_profile,
            self._tells_ends,
            error,
        )

    def _own_part_begins(self, comments: Sequence[str]) -> int:
        """The comment that begins what follows the label; those before it end what came before.

        What of the part before no packet reaches stands there whole: only the last tier can be the first of the next.
        """
        starts = [place for place, comment in enumerate(comments) if _TIER.fullmatch(comment)]
        if starts:
            return starts[-1]
        ends = [place for place, comment in enumerate(comments) if _END_OF_TIER.fullmatch(comment)]
        return ends[-1] + 1 if ends else 0

    def _comment(self, comment: str) -> None:
        if comment.startswith("Start of"):
            self._ending = None
        if match := _RULE.fullmatch(comment):
            self._start_rule(match[1])
        elif match := _MATCH_ID.fullmatch(comment):
            self._rule = replace(self._rule, match_id=int(match[1])) if self._rule else None
        elif _END_OF_RULE.fullmatch(comment):
            self._end_rule()
        elif match := _TIER.fullmatch(comment):
            self._tier = _Tier(match[1])
            (self._host_tiers if self._in_host_part else self._tiers).append(self._tier)
        elif match := _END_OF_TIER.fullmatch(comment):
            self._end_tier(match[1])
        elif _STAGED.fullmatch(comment):
            self._policy = None
        elif match := _POLICY.fullmatch(comment):
            self._start_policy(*match.groups())
        elif comment.startswith("End of "):
            self._policy = None

    def _start_policy(self, kind: str | None, namespace: str | None, name: str) -> None:
        if self._tier:
            known = _KINDS.get(kind or "")
            parts = (KIND_CODES.get(known, kind) if known else kind, namespace, name)
            programmed = ProgrammedName(namespace or "", name, known)
            self._policy = _Policy(canonical(programmed, self._tier.name), "/".join(part for part in parts if part))
            self._tier.policies.append(self._policy)

    def _end_tier(self, verdict: str | None) -> None:
        self._tells_ends |= verdict is not None
        if self._tier:
            self._ending = self._tier, self._ended, Verdict(verdict) if verdict else None
            self._ended += 1
        self._tier = None

    def _start_rule(self, text: str) -> None:
        action = _ACTION.search(text)
        verdict = _VERDICTS.get(action[1] if action else "")
        if self._policy:
            index = len(self._policy.rules)
        else:
            self._follow_profile(text)
            index = len(self._profiles[-1].rules)
        same = _VARYING.sub("", text).translate(_BRACKETS)
        self._rule = ProgramRule(-1, verdict, index, same, is_reached=False)

    def _follow_profile(self, text: str) -> None:
        """Profiles have no comment of their own; since v3.32 their rules begin with their name."""
        name, _, _ = text.partition(" ")
        name = "" if ":" in name else name
        if not self._profiles or self._profiles[-1].name != name:
            self._profiles.append(ProgramProfile(name, ()))

    def _end_rule(self) -> None:
        rule, self._rule = self._rule, None
        if rule is None:
            return
        if self._policy:
            self._policy.rules.append(rule)
        elif self._profiles:
            profile = self._profiles[-1]
            self._profiles[-1] = replace(profile, rules=(*profile.rules, rule))


def _frozen(tiers: Iterable[_Tier], direction: Direction) -> tuple[ProgramTier, ...]:
    return tuple(
        ProgramTier(
            tier.name,
            direction,
            tuple(
                ProgramPolicy(policy.name, policy.id_name, direction, tuple(policy.rules)) for policy in tier.policies
            ),
            tier.end,
        )
        for tier in tiers
    )
