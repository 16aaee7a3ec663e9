"""The workload behind an endpoint chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from otel_calico.calico.label_selector import LabelSelector
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, IPVersion, WorkloadEndpoint


@dataclass(frozen=True, slots=True)
class WorkloadFilter:
    """Which workloads have series of their own: those in `namespaces` (none given: in all), but not in
    `excluded_namespaces`, whose labels `labels` matches. `*` in a namespace stands for any characters.
    """

    namespaces: Sequence[str] = ()
    excluded_namespaces: Sequence[str] = ()
    labels: LabelSelector = field(default_factory=LabelSelector)

    def takes(self, endpoint: WorkloadEndpoint) -> bool:
        """True for a workload that is to have series."""
        if self.namespaces and not _is_named(endpoint.namespace, self.namespaces):
            return False
        return not _is_named(endpoint.namespace, self.excluded_namespaces) and self.labels.matches(endpoint.labels)


@dataclass(frozen=True, slots=True)
class Workload:
    """Whose traffic a chain sees, which way and by which IP version; None where both are counted together (eBPF).

    `shares_name` is true where another endpoint of the node is of the same workload (one with two interfaces, or one
    without a name), `shares_addresses` where it has the same addresses too: the interface has to tell them apart.
    """

    endpoint: WorkloadEndpoint
    direction: Direction
    ip_version: IPVersion | None
    shares_name: bool = False
    shares_addresses: bool = False


def workloads_of(
    interfaces: Iterable[str], lookups: Lookups, ip_version: IPVersion | None
) -> Mapping[tuple[Direction, str], Workload]:
    """Workloads by direction and interface, for the interfaces that have an endpoint."""
    found = {interface: lookups.endpoint(interface) for interface in interfaces}
    endpoints = {interface: endpoint for interface, endpoint in found.items() if endpoint}
    names = Counter((one.namespace, one.name) for one in endpoints.values())
    addresses = Counter((one.namespace, one.name, frozenset(one.addresses)) for one in endpoints.values())
    return {
        (direction, interface): Workload(
            one,
            direction,
            ip_version,
            shares_name=names[one.namespace, one.name] > 1,
            shares_addresses=addresses[one.namespace, one.name, frozenset(one.addresses)] > 1,
        )
        for interface, one in endpoints.items()
        for direction in Direction
    }


def _is_named(namespace: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)
