"""Finds the workload or host endpoint behind each endpoint chain, and what has none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field

from otel_calico.attribution.host_endpoints import HostTraffic, host_traffic_of
from otel_calico.attribution.workloads import Workload, WorkloadFilter, workloads_of
from otel_calico.calico.chains import workload_chain
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import RulesetKey, Table


@dataclass(frozen=True, slots=True)
class ChainOwners:
    """Owners of the endpoint chains `chains`, by chain, for those that have series.

    `unknown` are the interfaces without a known owner, `unknown_chains` the workload chains of such interfaces;
    `without_chains` are the workloads of the datastore whose interfaces have no chain.
    """

    chains: Set[str] = frozenset()
    of: Mapping[str, Workload | HostTraffic] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    unknown_chains: tuple[str, ...] = ()
    without_chains: tuple[str, ...] = ()


def find_owners(
    chains: Collection[str], lookups: Lookups, key: RulesetKey, workload_filter: WorkloadFilter, *, of_hosts: bool
) -> ChainOwners:
    """The owners of these endpoint chains; with `of_hosts` those of host endpoints too."""
    names = frozenset(chains)
    places = {name: place for name in chains if (place := workload_chain(name))}
    interfaces = {interface for _, interface in places.values()}
    workloads = workloads_of(interfaces, lookups, key.ip_version)
    unknown_chains = tuple(name for name, place in places.items() if place not in workloads)
    unknown = [places[name][1] for name in unknown_chains]
    owners: dict[str, Workload | HostTraffic] = {
        name: workload
        for name, place in places.items()
        if (workload := workloads.get(place)) and workload_filter.takes(workload.endpoint)
    }
    if of_hosts:
        hosts = host_traffic_of(chains, lookups, key)
        unknown += [host.chain.interface for host in hosts.values() if not host.name]
        owners |= hosts
    without_chains = _without_chains(lookups, interfaces) if key.table is Table.FILTER else ()
    return ChainOwners(names, owners, tuple(dict.fromkeys(unknown)), unknown_chains, without_chains)


def _without_chains(lookups: Lookups, with_chains: Set[str]) -> tuple[str, ...]:
    missing = (interface for interface in lookups.interfaces() if interface not in with_chains)
    return tuple(endpoint.full_name for interface in missing if (endpoint := lookups.endpoint(interface)))
