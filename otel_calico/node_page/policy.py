"""The content of the page of one policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.explain.counts import Count
from otel_calico.explain.find import find_policies
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import PolicyTotals
from otel_calico.explain.policy_uses import PolicyUse, uses_of

ROWS = 200
"""Endpoints that are shown of one chain, the busiest first."""


@dataclass(frozen=True, slots=True)
class PolicyOfChain:
    """The policy in one direction and IP version. `more` endpoints meet it than there are `uses`."""

    totals: PolicyTotals
    uses: Sequence[PolicyUse]
    more: int


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """Without chains the rules do not know it. A name that fits several policies has the chains of all.

    Felix writes each policy for both IP versions: one that no workload of it has is left out.
    """

    name: str
    chains: Sequence[PolicyOfChain]


def policy_page(view: NodeView, name: str, lookups: Lookups) -> PolicyPage:
    """The policies of this name or chain."""
    found = find_policies(view, name)
    names = {totals.name for totals in found}
    chains = [_chain(view, totals) for totals in found]
    return PolicyPage(
        name=found[0].name if len(names) == 1 else name,
        chains=[chain for chain in chains if _counts(chain) or _has_workloads(chain, lookups)] or chains,
    )


def _chain(view: NodeView, totals: PolicyTotals) -> PolicyOfChain:
    uses = sorted(uses_of(view, totals), key=lambda use: _busy(use.step.entered), reverse=True)
    return PolicyOfChain(totals, uses[:ROWS], len(uses[ROWS:]))


def _counts(chain: PolicyOfChain) -> bool:
    counts = (*chain.totals.verdicts.values(), *(use.step.entered for use in chain.uses))
    return any(count.total.packets for count in counts if count)


def _has_workloads(chain: PolicyOfChain, lookups: Lookups) -> bool:
    """True if an endpoint has an address of the IP version, or may have: of some nobody tells."""
    if chain.totals.ip_version is None:
        return True
    known = (lookups.endpoint(use.endpoint.interface) for use in chain.uses)
    addresses = [endpoint.addresses if endpoint else () for endpoint in known]
    of_version = {IPVersion.V4: ".", IPVersion.V6: ":"}[chain.totals.ip_version]
    return any(not own or any(of_version in address for address in own) for own in addresses)


def _busy(entered: Count | None) -> tuple[int, int]:
    if entered is None:
        return 0, 0
    return entered.moved.packets if entered.moved else 0, entered.total.packets
