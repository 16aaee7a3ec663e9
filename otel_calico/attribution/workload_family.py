"""Plans family `workload`: everything that an endpoint chain tells of its workload.

Packets and bytes come from the same rules. IPv4 and IPv6 are apart (`network.type`), so that every raw series has
one rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otel_calico.attribution import group_shares
from otel_calico.attribution.endpoint_chain import EndpointChain
from otel_calico.attribution.label_sets import columns, told_apart
from otel_calico.attribution.plan import EndpointPlan
from otel_calico.attribution.planned_series import Difference, DifferenceSeries, RawSeries
from otel_calico.attribution.targets import Targets
from otel_calico.attribution.tiers import tier_of
from otel_calico.attribution.workloads import Workload
from otel_calico.metrics import WORKLOAD_DROPPED, WORKLOAD_ESTABLISHED, WORKLOAD_POLICY
from otel_calico.series import Labels


@dataclass(frozen=True, slots=True)
class ExtraAttributes:
    """What to say of a workload beside its name: its owner (`k8s.deployment.name`), these labels of its pod."""

    owner: bool = False
    pod_labels: Sequence[str] = ()


_DETAILS = {"encap": "calico.encapsulation", "other": "calico.rule.number"}
"""Attributes that tell apart the rules which share a reason."""


def plan_workload(chain: EndpointChain, targets: Targets) -> EndpointPlan:
    """The chain's series, without the attributes of the workload or host endpoint whose chain it is."""
    dropped = told_apart(list(_drops(chain, targets)))
    established = told_apart([({}, "", chain.established)] if chain.established is not None else [])
    policies = told_apart(list(group_shares.counts(chain.tiers, targets)))
    profiles = told_apart(list(_profile_denies(chain, targets)))
    raw = [(WORKLOAD_DROPPED, dropped), (WORKLOAD_ESTABLISHED, established)]
    return EndpointPlan(
        raw=tuple(RawSeries(metric, *columns(series)) for metrics, series in raw if series for metric in metrics),
        differences=tuple(DifferenceSeries.of(one, *columns(profiles)) for one in WORKLOAD_DROPPED if profiles),
        shared=tuple(group_shares.series(metric, policies) for metric in WORKLOAD_POLICY if policies),
    )


def workload_attributes(workload: Workload, extra: ExtraAttributes) -> Labels:
    """The attributes that all series of a workload and direction share."""
    endpoint = workload.endpoint
    attributes = {
        "k8s.namespace.name": endpoint.namespace,
        "calico.workload.name" if endpoint.workload else "k8s.pod.name": endpoint.name,
        "calico.direction": workload.direction.value,
    }
    if workload.ip_version is not None:
        attributes["network.type"] = f"ipv{workload.ip_version.value}"
    if workload.shares_name:
        attributes["network.interface.name"] = endpoint.interface
    if extra.owner and endpoint.owner:
        kind, _, name = endpoint.owner.partition("/")
        attributes.setdefault(f"k8s.{kind.lower()}.name", name)  # a pod may be owned by a pod, and is still itself
    attributes |= {
        f"k8s.pod.label.{label}": endpoint.labels[label] for label in extra.pod_labels if label in endpoint.labels
    }
    return attributes


def _drops(chain: EndpointChain, targets: Targets) -> Iterator[tuple[Labels, str, int]]:
    for tier in chain.tiers:
        if tier.drop is not None:
            yield {"reason": "end_of_tier", "calico.tier": tier_of(tier, targets)}, "", tier.drop
    for other in chain.other_drops:
        detail = {_DETAILS[other.reason]: other.detail} if other.detail else {}
        yield {"reason": other.reason, **detail}, "", other.rule


def _profile_denies(chain: EndpointChain, targets: Targets) -> Iterator[tuple[Labels, str, Difference]]:
    """Profiles are shared by workloads as policies are, so what one denied here is what its jump lost."""
    for jump in chain.profiles:
        profile = targets.get(jump.target)
        if profile and profile.can_deny and jump.denied:
            yield {"reason": "profile", "calico.profile.name": profile.label}, jump.target, jump.denied
