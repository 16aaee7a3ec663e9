"""Reads one endpoint chain (`cali-tw-`, `cali-fw-`, …) into tiers and the policies they jump to.

Every Felix since v3.8 writes these rules in this order (`felix/rules/endpoints.go`):

    established · invalid · clear accept mark · encap drops (fw)
    per tier:  start · { jump to policy or group · return if accepted } · [NFLOG] · drop if none passed
    per profile: jump · return if accepted
    [NFLOG] · drop if no profile matched

Up to v3.27 the one tier starts with `Start of policies`; v3.28 has no start line; from v3.29 each tier names itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_calico.attribution.profiles import PROFILE_TARGETS, ProfileJump, read_profile_jumps
from otel_calico.calico.chains import GROUP_PREFIXES, POLICY_PREFIXES
from otel_calico.ruleset.rule import Mark, Rule

_POLICY_TARGETS = tuple(POLICY_PREFIXES.values())
_GROUP_TARGETS = tuple(GROUP_PREFIXES.values())
_START_OF_TIER = re.compile(r"Start of tier (\S+)")
_END_OF_TIER = re.compile(r"End of tier (\S+)\. (?:Drop|Reject) ")
_TIER_NFLOG = re.compile(r"[DP]P[IE]\|(.*)")
_DROP_REASONS = (
    ("Endpoint admin disabled", "admin_disabled", ""),
    ("VXLAN encapped packets", "encap", "vxlan"),
    ("IPinIP encapped packets", "encap", "ipip"),
    ("packet rate limit", "packet_rate", ""),
    ("connection limit", "connection_limit", ""),
    ("if no profiles matched", "no_profile", ""),
)
"""Comments of rules that drop outside the tiers, the reason to report, and what tells two such rules apart."""

DEFAULT_TIER = "default"


@dataclass(frozen=True, slots=True)
class PolicyJump:
    """A jump to a policy or group chain. Numbers are positions of rules in the endpoint chain.

    `entered` counts the packets that reach the policy, `accepted` those it accepted, `following` those that it
    neither accepted nor denied nor passed: the next rule that only such packets reach, or None if there is none.
    """

    target: str
    entered: int
    accepted: int
    following: int | None


@dataclass(frozen=True, slots=True)
class TierBlock:
    """The rules of one tier. `drop` is its end-of-tier drop, None where the tier passes packets on by default.

    `leaving` is the first rule after the tier that every packet leaving it reaches. `started` and `ended` are the names
    in the comments of its first and last rule, empty where they have none; `tiers.py` tells which counts.
    """

    jumps: tuple[PolicyJump, ...]
    drop: int | None
    leaving: int | None
    started: str = ""
    ended: str = ""

    @property
    def tier(self) -> str:
        """What its comments say."""
        return self.ended or self.started or DEFAULT_TIER


@dataclass(frozen=True, slots=True)
class OtherDrop:
    """A rule that drops and ends no tier. `detail` tells apart the rules that share a reason.

    A rule that nothing is known of has reason `other`, and its number in the chain, from 1, as detail.
    """

    reason: str
    rule: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EndpointChain:
    """What an endpoint chain says. `established` is the rule that accepts established connections.

    `accept_mark` and `pass_mark` are Felix's bits as this chain shows them; `names_tiers` is true from v3.29 on,
    where tiers are announced.
    """

    tiers: tuple[TierBlock, ...]
    accept_mark: int | None
    pass_mark: int | None
    names_tiers: bool
    established: int | None
    profiles: tuple[ProfileJump, ...]
    other_drops: tuple[OtherDrop, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """Policy and group chains jumped to, in order."""
        return tuple(jump.target for tier in self.tiers for jump in tier.jumps)


@dataclass(slots=True)
class _OpenTier:
    """A tier whose end has not been reached yet."""

    started: str
    ended: str = ""
    entered: list[tuple[str, int]] = field(default_factory=list)
    accepted: dict[int, int] = field(default_factory=dict)
    guard: int | None = None  # first rule after the jumps that only undecided packets reach
    drop: int | None = None

    def close(self, leaving: int | None) -> TierBlock:
        jumps: list[PolicyJump] = []
        for place, (target, entered) in enumerate(self.entered):
            last = place + 1 == len(self.entered)
            following = self.guard if last else self.entered[place + 1][1]
            accepted = self.accepted.get(entered)
            if accepted is not None:
                jumps.append(PolicyJump(target, entered, accepted, following))
        return TierBlock(tuple(jumps), self.drop, leaving, self.started, self.ended)


def read_endpoint_chain(rules: Sequence[Rule | None]) -> EndpointChain:
    """Walk the chain. Rules it does not know (QoS, failsafe, other tools') are stepped over."""
    tiers: list[TierBlock] = []
    current: _OpenTier | None = None
    accept_mark: int | None = None
    pass_mark: int | None = None
    for position, rule in enumerate(rules):
        if rule is None:
            continue
        started = _started_tier(rule)
        if started or _leaves_tiers(rule):
            if current:
                tiers.append(current.close(leaving=position))
            current = _OpenTier(started) if started else None
        elif rule.target and rule.target.startswith((*_POLICY_TARGETS, *_GROUP_TARGETS)):
            current = current or _OpenTier("")  # v3.28 has no start line
            current.entered.append((rule.target, position))
            pass_mark = rule.mark.mask if rule.mark else pass_mark
        elif rule.target == "RETURN" and rule.mark and rule.mark.all_set:
            accept_mark = rule.mark.mask
            if current and current.entered:
                current.accepted[current.entered[-1][1]] = position
        elif current:
            _read_end_of_tier(current, rule, position)
    if current:
        tiers.append(current.close(leaving=None))
    names_tiers = any(rule is not None and rule.says("Start of tier ") for rule in rules)
    ends = {tier.drop for tier in tiers}
    others = tuple(
        _other_drop(rule, place) for place, rule in enumerate(rules) if rule and rule.drops and place not in ends
    )
    profiles = read_profile_jumps(rules)
    return EndpointChain(tuple(tiers), accept_mark, pass_mark, names_tiers, _established(rules), profiles, others)


def _started_tier(rule: Rule) -> str | None:
    for comment in rule.comments:
        if comment == "Start of policies":
            return DEFAULT_TIER
        if match := _START_OF_TIER.fullmatch(comment):
            return match[1]
    return None


def _leaves_tiers(rule: Rule) -> bool:
    """True for the first rule after the last tier: a profile jump, or the drop (or its NFLOG) where there is none."""
    if rule.target and rule.target.startswith(PROFILE_TARGETS):
        return True
    no_profile = rule.nflog_prefix in {"DRI", "DRE"} or (rule.drops and rule.says("if no profiles matched"))
    return no_profile and rule.mark is None


def _read_end_of_tier(current: _OpenTier, rule: Rule, position: int) -> None:
    if not _is_undecided(rule.mark):
        return
    drop = rule.drops and rule.says("if no policies passed packet")
    nflog = rule.target == "NFLOG" and _TIER_NFLOG.fullmatch(rule.nflog_prefix or "")
    if not drop and not nflog:
        return
    if current.guard is None:
        current.guard = position
    if drop:
        current.drop = position
        # The end line names its tier from v3.30; v3.28 has neither line and only the default tier.
        for match in filter(None, map(_END_OF_TIER.match, rule.comments)):
            current.ended = match[1]


def _established(rules: Sequence[Rule | None]) -> int | None:
    for position, rule in enumerate(rules):
        if rule and "ESTABLISHED" in rule.ctstates and rule.target in {"ACCEPT", "RETURN"}:
            return position
    return None


def _other_drop(rule: Rule, position: int) -> OtherDrop:
    if rule.ctstates == {"INVALID"}:
        return OtherDrop("conntrack_invalid", position)
    for text, reason, detail in _DROP_REASONS:
        if rule.says(text):
            return OtherDrop(reason, position, detail)
    return OtherDrop("other", position, str(position + 1))


def _is_undecided(mark: Mark | None) -> bool:
    """True for the match on a clear pass bit, which packets without a verdict carry."""
    return mark is not None and mark.value == 0 and mark.mask != 0
