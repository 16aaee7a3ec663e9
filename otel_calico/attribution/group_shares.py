"""Plans what policies did with one workload's packets, for groups also the members' shares in that.

The endpoint chain counts what a group did as a whole. Which member it was is told between two scans by the lines of
the group's chain and of the members' chains (docs/group-attribution.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otel_calico.attribution.denies import denied, passed
from otel_calico.attribution.endpoint_chain import PolicyJump, TierBlock
from otel_calico.attribution.label_sets import columns
from otel_calico.attribution.plan import GroupJump
from otel_calico.attribution.planned_series import Difference, DifferenceSeries, Share, SharedSeries
from otel_calico.attribution.targets import Target, Targets, known_jumps
from otel_calico.attribution.tiers import tier_of
from otel_calico.calico.model import Verdict
from otel_calico.metrics import Metric
from otel_calico.series import Labels


@dataclass(frozen=True, slots=True)
class Whole:
    """What a policy or group did, counted by the endpoint chain."""

    target: str
    verdict: Verdict
    count: Difference


@dataclass(frozen=True, slots=True)
class Part:
    """What one member of a group did."""

    group: str
    member: int
    verdict: Verdict


Count = Whole | Part


def counts(tiers: Sequence[TierBlock], targets: Targets) -> Iterator[tuple[Labels, str, Count]]:
    """Labels of each count, and the chain of its policy or group. A group's parts follow it."""
    for tier in tiers:
        name = tier_of(tier, targets)
        for jump, target in known_jumps(tier, targets):
            for whole in _wholes(tier, jump, target, targets):
                yield _attributes(target.label, name, whole.verdict), jump.target, whole
                for place, member in enumerate(target.members):
                    if member.verdicts.can(whole.verdict):
                        part = Part(jump.target, place, whole.verdict)
                        yield _attributes(member.label, name, whole.verdict), member.chain, part


def series(metric: Metric, counted: Sequence[tuple[Labels, Count]]) -> SharedSeries:
    """The counts as series of a metric."""
    wholes = [(labels, count) for labels, count in counted if isinstance(count, Whole)]
    places = {(whole.target, whole.verdict): place for place, (_, whole) in enumerate(wholes)}
    shares = [
        (labels, Share(place, part.group, part.member, part.verdict))
        for labels, part in counted
        if isinstance(part, Part) and (place := places.get((part.group, part.verdict))) is not None
    ]
    differences = DifferenceSeries.of(metric, *columns([(labels, whole.count) for labels, whole in wholes]))
    return SharedSeries(differences, *columns(shares))


def group_jumps(tiers: Sequence[TierBlock], targets: Targets) -> tuple[GroupJump, ...]:
    """The jumps to groups. What a group decided is not more than what entered, where no rule counts the undecided."""
    found: list[GroupJump] = []
    for jump, target in (known for tier in tiers for known in known_jumps(tier, targets)):
        if not target.members:
            continue
        decided = Difference(jump.entered, () if jump.following is None else (jump.following,))
        if not target.can_deny and not target.can_pass:
            decided = Difference(jump.accepted, ())
        found.append(GroupJump(jump.target, jump.entered, decided))
    return tuple(found)


def _wholes(tier: TierBlock, jump: PolicyJump, target: Target, targets: Targets) -> Iterator[Whole]:
    found = {
        Verdict.ALLOW: Difference(jump.accepted, ()) if target.can_allow else None,
        Verdict.DENY: denied(tier, jump, targets),
        Verdict.PASS: passed(tier, jump, targets),
    }
    return (Whole(jump.target, verdict, count) for verdict, count in found.items() if count is not None)


def _attributes(policy: str, tier: str, verdict: Verdict) -> Labels:
    return {"calico.policy.name": policy, "calico.tier": tier, "calico.verdict": verdict.value}
