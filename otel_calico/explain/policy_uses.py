"""The endpoints whose packets meet a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otel_calico.explain.counts import Count
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointTraffic, PolicyStep, PolicyTotals


@dataclass(frozen=True, slots=True)
class PolicyUse:
    """An endpoint, and the step of its way in which its packets meet the policy or the group that it is in.

    `end_of_tier` is what that tier dropped of them because no policy decided: the work of a default deny, which has no
    rules. None where the tier passes such packets on.
    """

    endpoint: EndpointTraffic
    step: PolicyStep
    end_of_tier: Count | None


def uses_of(view: NodeView, policy: PolicyTotals) -> Iterator[PolicyUse]:
    """Every use of one of the view's policies, in the order of endpoints."""
    for endpoint in view.endpoints_of(policy):
        for tier in view.path(endpoint).tiers:
            yield from (PolicyUse(endpoint, step, tier.dropped) for step in tier.policies if policy in step.members)
