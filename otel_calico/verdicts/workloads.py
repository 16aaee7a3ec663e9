"""The labels of a workload in family `accountant`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from otel_calico.lookups import Lookups
from otel_calico.model import Direction, WorkloadEndpoint
from otel_calico.series import Labels

TYPES = {Direction.INGRESS: "tw", Direction.EGRESS: "fw"}
"""calico-accountant's words for the direction: to and from the workload."""


def workload_labels(interfaces: Iterable[str], lookups: Lookups, app_labels: Sequence[str]) -> Mapping[str, Labels]:
    """Labels by interface, for those that have an endpoint.

    Two interfaces whose labels would be equal (a workload with two interfaces and no addresses, say) are told apart
    by a label `interface`, which others do not have.
    """
    found = {interface: lookups.endpoint(interface) for interface in interfaces}
    labels = {interface: _labels(endpoint, app_labels) for interface, endpoint in found.items() if endpoint}
    claims = Counter(tuple(own.values()) for own in labels.values())
    return {
        interface: own if claims[tuple(own.values())] == 1 else {**own, "interface": interface}
        for interface, own in labels.items()
    }


def _labels(endpoint: WorkloadEndpoint, app_labels: Sequence[str]) -> dict[str, str]:
    return {
        "app": next((endpoint.labels[key] for key in app_labels if key in endpoint.labels), ""),
        "ip": ",".join(sorted(endpoint.addresses)),
        "pod": endpoint.pod,
        "pod_namespace": endpoint.namespace,
    }
