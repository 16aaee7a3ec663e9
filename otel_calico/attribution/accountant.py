"""Plans family `accountant`: the series of calico-accountant for one endpoint chain.

Every line of an endpoint chain counts for that endpoint alone, so accepts and end-of-tier drops are exact and raw.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.attribution.denies import denied
from otel_calico.attribution.endpoint_chain import DEFAULT_TIER, TierBlock
from otel_calico.attribution.label_sets import columns, told_apart
from otel_calico.attribution.plan import EndpointPlan
from otel_calico.attribution.planned_series import DifferenceSeries, RawSeries
from otel_calico.attribution.targets import Targets, known_jumps
from otel_calico.attribution.tiers import tier_of
from otel_calico.attribution.workloads import Workload
from otel_calico.calico.model import Direction, IPVersion
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_ACCEPT_DROP
from otel_calico.series import Labels

TYPES = {Direction.INGRESS: "tw", Direction.EGRESS: "fw"}
"""calico-accountant's words for the direction: to and from the workload."""


def plan_accountant(tiers: Sequence[TierBlock], targets: Targets) -> EndpointPlan:
    """The chain's series, without the labels that all of them share."""
    drops = [(_drop_labels(tier_of(tier, targets)), "", tier.drop) for tier in tiers if tier.drop is not None]
    known = [(tier, jump, {"policy": target.label}) for tier in tiers for jump, target in known_jumps(tier, targets)]
    accepts = [(policy, jump.target, jump.accepted) for _, jump, policy in known]
    denies = [
        (policy, jump.target, difference) for tier, jump, policy in known if (difference := denied(tier, jump, targets))
    ]
    raw = [(NO_POLICY_DROP, told_apart(drops)), (POLICY_ACCEPT, told_apart(accepts))]
    differences = [(POLICY_ACCEPT_DROP, told_apart(denies))]
    return EndpointPlan(
        raw=tuple(RawSeries(metric, *columns(series)) for metric, series in raw if series),
        differences=tuple(DifferenceSeries.of(metric, *columns(series)) for metric, series in differences if series),
    )


def workload_labels(workload: Workload, app_labels: Sequence[str]) -> Labels:
    """The labels that all series of a workload and direction share.

    `app_labels` are the pod labels tried in order for the label `app`.
    """
    endpoint = workload.endpoint
    labels = {
        "app": next((endpoint.labels[key] for key in app_labels if key in endpoint.labels), ""),
        "ip": ",".join(sorted(endpoint.addresses)),
        "pod": endpoint.pod,
        "pod_namespace": endpoint.namespace,
        "type": TYPES[workload.direction],
    }
    if workload.ip_version is IPVersion.V6:
        labels["ip_version"] = "6"
    if endpoint.workload:
        labels["workload"] = endpoint.workload
    if workload.shares_addresses:
        labels["interface"] = endpoint.interface
    return labels


def _drop_labels(tier: str) -> Labels:
    return {} if tier == DEFAULT_TIER else {"tier": tier}
