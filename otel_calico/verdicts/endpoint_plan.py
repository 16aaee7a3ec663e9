"""Plans the series of one endpoint chain. Pure.

Every line of an endpoint chain counts for that endpoint alone, so accepts and end-of-tier drops are exact and raw.
Denies happen inside the policy chains, which endpoints share; an endpoint's own follow from what its chain lost
between two lines (docs/design.md, "Denies of one workload").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP
from otel_calico.series import Labels
from otel_calico.verdicts.endpoint_chain import DEFAULT_TIER, EndpointChain, PolicyJump, TierBlock
from otel_calico.verdicts.plan import Difference, DifferenceSeries, EndpointPlan, RawSeries

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Target:
    """What an endpoint chain needs to know of a policy or group chain that it jumps to."""

    label: str
    can_deny: bool
    can_pass: bool


Targets = Mapping[str, Target]


def plan_endpoint(chain: EndpointChain, workload: Labels, targets: Targets) -> EndpointPlan:
    """The chain's series under the labels of its workload. Jumps to chains that do not exist are left out."""
    tiers = [
        TierBlock(tier.tier, tuple(jump for jump in tier.jumps if jump.target in targets), tier.drop, tier.leaving)
        for tier in chain.tiers
    ]
    drops = [(_drop_labels(tier.tier), "", tier.drop) for tier in tiers if tier.drop is not None]
    accepts = [(_policy(jump, targets), jump.target, jump.accepted) for tier in tiers for jump in tier.jumps]
    denies = [
        (_policy(jump, targets), jump.target, difference)
        for tier in tiers
        for jump in tier.jumps
        if (difference := denied(tier, jump, targets))
    ]
    raw = [(NO_POLICY_DROP, _told_apart(workload, drops)), (POLICY_ACCEPT, _told_apart(workload, accepts))]
    differences = [(POLICY_ACCEPT_DROP, _told_apart(workload, denies))]
    return EndpointPlan(
        raw=tuple(RawSeries(metric, *_columns(series)) for metric, series in raw if series),
        differences=tuple(DifferenceSeries.of(metric, *_columns(series)) for metric, series in differences if series),
    )


def denied(tier: TierBlock, jump: PolicyJump, targets: Targets) -> Difference | None:
    """Packets of this endpoint that the policy denied; None where it has no deny rule or nothing exact says it.

    entered = accepted + denied + passed + undecided, where `following` counts the undecided. Passed packets are
    known only if no other policy of the tier passes any: then all packets leaving the tier are this policy's
    (and, where the tier drops nothing at its end, the undecided ones).
    """
    target = targets[jump.target]
    if not target.can_deny:
        return None
    if jump.following is not None and not target.can_pass:
        return Difference(jump.entered, (jump.accepted, jump.following))
    others_pass = any(targets[other.target].can_pass for other in tier.jumps if other is not jump)
    if tier.leaving is None or others_pass:
        return None
    if tier.drop is None:
        is_last = jump is tier.jumps[-1]
        return Difference(jump.entered, (jump.accepted, tier.leaving)) if is_last else None
    if jump.following is None:
        return None
    return Difference(jump.entered, (jump.accepted, jump.following, tier.leaving))


def _drop_labels(tier: str) -> Labels:
    return {} if tier == DEFAULT_TIER else {"tier": tier}


def _policy(jump: PolicyJump, targets: Targets) -> Labels:
    return {"policy": targets[jump.target].label}


def _told_apart(workload: Labels, series: Iterable[tuple[Labels, str, _T]]) -> list[tuple[Labels, _T]]:
    """Whole label sets, no two of them equal. Of two policies with one canonical name the later shows its chain.

    That happens while v3.32's policy-name migrator renames a policy: the old and the new one exist for a moment.
    """
    found: dict[frozenset[tuple[str, str]], tuple[Labels, _T]] = {}
    for own, chain, value in series:
        labels = {**workload, **own}
        if frozenset(labels.items()) in found:
            labels["chain"] = chain
        found.setdefault(frozenset(labels.items()), (labels, value))
    return list(found.values())


def _columns(series: Sequence[tuple[Labels, _T]]) -> tuple[tuple[Labels, ...], tuple[_T, ...]]:
    return tuple(labels for labels, _ in series), tuple(value for _, value in series)
