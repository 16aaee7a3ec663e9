"""Computes how many packets of one endpoint a policy denied or passed, from the counters around its jump.

Denies happen inside policy chains, which endpoints share, so no rule counts one endpoint's. But

    entered = accepted + denied + passed + following

where `following` counts the packets the policy left undecided (docs/design.md, "What a rule proves").
"""

from __future__ import annotations

from otel_calico.attribution.endpoint_chain import PolicyJump, TierBlock
from otel_calico.attribution.planned_series import Difference
from otel_calico.attribution.targets import Targets


def denied(tier: TierBlock, jump: PolicyJump, targets: Targets) -> Difference | None:
    """Packets of this endpoint that the policy denied; None where it has no deny rule or nothing exact says it.

    `jump` is to a known target.

    Passed packets are known only if no other policy of the tier passes any: then all packets leaving the tier are this
    policy's (and, where the tier drops nothing at its end, the undecided ones).
    """
    target = targets[jump.target]
    if not target.can_deny:
        return None
    if jump.following is not None and not target.can_pass:
        return Difference(jump.entered, (jump.accepted, jump.following), inferred=True)
    if tier.leaving is None or _others_may_pass(tier, jump, targets):
        return None
    if tier.drop is None:
        is_last = jump is tier.jumps[-1]
        return Difference(jump.entered, (jump.accepted, tier.leaving), inferred=True) if is_last else None
    if jump.following is None:
        return None
    return Difference(jump.entered, (jump.accepted, jump.following, tier.leaving), inferred=True)


def passed(tier: TierBlock, jump: PolicyJump, targets: Targets) -> Difference | None:
    """Packets of this endpoint that the policy passed on; None where it cannot or nothing exact says it.

    `jump` is to a known target.
    """
    target = targets[jump.target]
    if not target.can_pass:
        return None
    if jump.following is not None and not target.can_deny:
        return Difference(jump.entered, (jump.accepted, jump.following), inferred=True)
    if tier.leaving is None or tier.drop is None or _others_may_pass(tier, jump, targets):
        return None
    return Difference(tier.leaving, (), inferred=True)


def _others_may_pass(tier: TierBlock, jump: PolicyJump, targets: Targets) -> bool:
    """True if another policy of the tier passes packets on, or nobody knows what it does."""
    others = (targets.get(other.target) for other in tier.jumps if other is not jump)
    return any(other is None or other.can_pass for other in others)
