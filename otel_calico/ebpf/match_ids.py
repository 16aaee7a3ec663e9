"""Match ids: the numbers by which Felix's eBPF programs count rules and ends of tiers.

A rule's id is a 64-bit FNV-1a hash of its action, owner, direction, place and name. Sources: `felix/bpf/polprog`
(`MatchID`), `felix/rules/nflogprefix.go` (the text since v3.30). With flow logs on (v3.30+) ids cannot be computed: the
hash depends on what was hashed before.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import Enum

from otel_calico.calico.chains import IdScheme, policy_id
from otel_calico.calico.model import Direction, Policy, Verdict

NO_PROFILE = 0
"""The id of "no profile accepted the packet" (v3.30+). Up to v3.29 ends of tiers have it as well."""

_OFFSET_BASIS, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
_LONGEST = 63
_ENDS_KEPT = 10
_HASH_KEPT = 41


class IdForm(Enum):
    """How a release writes the text that is hashed."""

    WORDS = "v3.26-v3.29"
    LETTERS = "v3.30-v3.31"
    KINDS = "v3.32+"

    @property
    def names_policies_as(self) -> IdScheme:
        """How policies are named in it; tiers stand in no name."""
        return IdScheme.KIND_NAME if self is IdForm.KINDS else IdScheme.NAME

    @property
    def tells_ends(self) -> bool:
        """Whether each end of a tier has an id of its own."""
        return self is not IdForm.WORDS


class Owner(Enum):
    """What a rule belongs to; values are Felix's words."""

    POLICY = "Policy"
    PROFILE = "Profile"


_WORDS = {Verdict.ALLOW: "allow", Verdict.DENY: "deny", Verdict.PASS: "next-tier"}
_LETTERS = {Verdict.ALLOW: "A", Verdict.DENY: "D", Verdict.PASS: "P"}
_OWNER_LETTERS = {Owner.POLICY: "P", Owner.PROFILE: "R"}


def fnv1a(text: str) -> int:
    """64-bit FNV-1a of a text's UTF-8."""
    value = _OFFSET_BASIS
    for octet in text.encode():
        value = (value ^ octet) * _PRIME & _MASK
    return value


@dataclass(frozen=True, slots=True)
class RulePlace:
    """One deciding rule. `name` is its policy's as Felix has it, or its profile's; `index` counts from 0."""

    owner: Owner
    name: str
    direction: Direction
    verdict: Verdict
    index: int


def rule_id(form: IdForm, rule: RulePlace) -> int:
    """The id of a deciding rule."""
    way = rule.direction.value.capitalize()
    if form is IdForm.WORDS:
        return fnv1a(f"{_WORDS[rule.verdict]}{rule.owner.value}{way}{rule.index}{rule.name}")
    letters = f"{_LETTERS[rule.verdict]}{_OWNER_LETTERS[rule.owner]}{way[0]}"
    return fnv1a(_shortened(f"{letters}{rule.index}|{rule.name}"))


def end_of_tier_id(form: IdForm, tier: str, direction: Direction, verdict: Verdict) -> int:
    """The id of what no policy of a tier decided: denied, or passed to the next tier."""
    if not form.tells_ends:
        return NO_PROFILE
    return fnv1a(_shortened(f"{_LETTERS[verdict]}P{direction.value[0].upper()}|{tier}"))


def policy_name(form: IdForm, policy: Policy) -> str:
    """A policy's name in the ids of its rules."""
    return policy_id(policy, form.names_policies_as)


def _shortened(text: str) -> str:
    """Long texts keep their ends and have a hash between."""
    octets = text.encode()
    if len(octets) < _LONGEST:
        return text
    digest = base64.urlsafe_b64encode(hashlib.sha256(octets).digest()).decode()[:_HASH_KEPT]
    head, tail = octets[:_ENDS_KEPT], octets[-_ENDS_KEPT:]
    return f"{head.decode('utf-8', 'replace')}_{digest}_{tail.decode('utf-8', 'replace')}"
