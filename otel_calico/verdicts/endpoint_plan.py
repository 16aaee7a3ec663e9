"""Plans the series of one endpoint chain. Pure.

Every line of an endpoint chain counts for that endpoint alone, so accepts and end-of-tier drops are exact and raw.
Denies happen inside the policy chains, which endpoints share; an endpoint's own follow from what its chain lost
between two lines (docs/design.md, "Denies of one workload").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP
from otel_calico.series import Labels
from otel_calico.verdicts.endpoint_chain import DEFAULT_TIER, EndpointChain, PolicyJump, TierBlock
from otel_calico.verdicts.plan import Difference, DifferenceSeries, EndpointPlan, RawSeries


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
    jumps = [jump for tier in tiers for jump in tier.jumps]
    denies = [
        (jump.target, difference)
        for tier in tiers
        for jump in tier.jumps
        if (difference := denied(tier, jump, targets))
    ]
    drops = [(tier.tier, tier.drop) for tier in tiers if tier.drop is not None]
    raw = (
        RawSeries(
            NO_POLICY_DROP,
            tuple(_drop_labels(workload, tier) for tier, _ in drops),
            tuple(drop for _, drop in drops),
        ),
        RawSeries(
            POLICY_ACCEPT,
            _policy_labels(workload, [jump.target for jump in jumps], targets),
            tuple(jump.accepted for jump in jumps),
        ),
    )
    differences = DifferenceSeries.of(
        POLICY_ACCEPT_DROP,
        _policy_labels(workload, [target for target, _ in denies], targets),
        [difference for _, difference in denies],
    )
    return EndpointPlan(
        raw=tuple(series for series in raw if series.labels),
        differences=(differences,) if differences.labels else (),
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


def _drop_labels(workload: Labels, tier: str) -> Labels:
    return workload if tier == DEFAULT_TIER else {**workload, "tier": tier}


def _policy_labels(workload: Labels, chains: Sequence[str], targets: Targets) -> tuple[Labels, ...]:
    """One label set per chain. Of two policies with one canonical name the later is told apart by its chain.

    That happens while v3.32's policy-name migrator renames a policy: the old and the new one exist for a moment.
    """
    taken: set[str] = set()
    labels: list[Labels] = []
    for chain in chains:
        policy = targets[chain].label
        own: Labels = {**workload, "policy": policy}
        labels.append({**own, "chain": chain} if policy in taken else own)
        taken.add(policy)
    return tuple(labels)
