"""The workload behind an endpoint chain. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otel_calico.lookups import Lookups
from otel_calico.model import Direction, IPVersion, WorkloadEndpoint


@dataclass(frozen=True, slots=True)
class Workload:
    """Whose traffic a chain sees, which way and by which IP version.

    `shares_pod` is true where another endpoint of the node has the same pod (a pod with two interfaces, or workloads
    that are no pods), `shares_addresses` where it has the same addresses too: the interface has to tell them apart.
    """

    endpoint: WorkloadEndpoint
    direction: Direction
    ip_version: IPVersion
    shares_pod: bool = False
    shares_addresses: bool = False


def workloads_of(
    interfaces: Iterable[str], lookups: Lookups, ip_version: IPVersion
) -> Mapping[tuple[Direction, str], Workload]:
    """Workloads by direction and interface, for the interfaces that have an endpoint."""
    found = {interface: lookups.endpoint(interface) for interface in interfaces}
    endpoints = {interface: endpoint for interface, endpoint in found.items() if endpoint}
    pods = Counter((one.namespace, one.pod) for one in endpoints.values())
    addresses = Counter((one.namespace, one.pod, frozenset(one.addresses)) for one in endpoints.values())
    return {
        (direction, interface): Workload(
            one,
            direction,
            ip_version,
            shares_pod=pods[one.namespace, one.pod] > 1,
            shares_addresses=addresses[one.namespace, one.pod, frozenset(one.addresses)] > 1,
        )
        for interface, one in endpoints.items()
        for direction in Direction
    }
