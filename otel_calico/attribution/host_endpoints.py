"""The host endpoint behind an endpoint chain, as family `workload` reports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otel_calico.calico.chains import HostEndpointChain, host_endpoint_chain
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import RulesetKey, Table
from otel_calico.series import Labels


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """Which traffic of the node's own interfaces a chain sees. `name` is empty where the datastore does not tell."""

    name: str
    chain: HostEndpointChain
    key: RulesetKey


def host_traffic_of(chains: Iterable[str], lookups: Lookups, key: RulesetKey) -> Mapping[str, HostTraffic]:
    """Traffic by chain, for those of the chains that belong to host endpoints."""
    found = {name: chain for name in chains if (chain := host_endpoint_chain(name))}
    endpoints = {name: lookups.host_endpoint(chain.interface) for name, chain in found.items()}
    return {
        name: HostTraffic(endpoint.name if endpoint else "", found[name], key) for name, endpoint in endpoints.items()
    }


def host_attributes(traffic: HostTraffic) -> Labels:
    """The attributes that all series of a host endpoint's chain share.

    Tables `raw` and `mangle` see packets before it is known whether they are forwarded.
    """
    key = traffic.key
    way = {"calico.host_endpoint.traffic": "forwarded" if traffic.chain.forwarded else "local"}
    attributes = {
        "network.interface.name": traffic.chain.interface,
        "calico.direction": traffic.chain.direction.value,
        "network.type": f"ipv{key.ip_version.value}",
        **(way if key.table is Table.FILTER else key.attributes),
    }
    if traffic.name:
        attributes["calico.host_endpoint.name"] = traffic.name
    return attributes
