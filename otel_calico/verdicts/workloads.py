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

    `alike` is true where another endpoint of the node would have the same labels (a workload with two interfaces
    and no addresses, say), so that the interface has to tell them apart.
    """

    endpoint: WorkloadEndpoint
    direction: Direction
    ip_version: IPVersion
    alike: bool = False


def workloads_of(
    interfaces: Iterable[str], lookups: Lookups, ip_version: IPVersion
) -> Mapping[tuple[Direction, str], Workload]:
    """Workloads by direction and interface, for the interfaces that have an endpoint."""
    found = {interface: lookups.endpoint(interface) for interface in interfaces}
    endpoints = {interface: endpoint for interface, endpoint in found.items() if endpoint}
    claims = Counter(map(_identity, endpoints.values()))
    return {
        (direction, interface): Workload(endpoint, direction, ip_version, alike=claims[_identity(endpoint)] > 1)
        for interface, endpoint in endpoints.items()
        for direction in Direction
    }


def _identity(endpoint: WorkloadEndpoint) -> tuple[str, str, tuple[str, ...]]:
    return endpoint.namespace, endpoint.pod, endpoint.addresses
