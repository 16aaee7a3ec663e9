"""The host endpoint behind an endpoint chain, as family `workload` reports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otel_calico.calico.chains import HostEndpointChain, host_endpoint_chain
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.series import Labels


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """Which traffic of the node's own interfaces a chain sees. `name` is empty where the datastore does not tell."""

    name: str
    chain: HostEndpointChain
    ip_version: IPVersion


def host_traffic_of(chains: Iterable[str], lookups: Lookups, ip_version: IPVersion) -> Mapping[str, HostTraffic]:
    """Traffic by chain, for those of the chains that belong to host endpoints."""
    found = {name: chain for name in chains if (chain := host_endpoint_chain(name))}
    endpoints = {name: lookups.host_endpoint(chain.interface) for name, chain in found.items()}
    return {
        name: HostTraffic(endpoint.name if endpoint else "", found[name], ip_version)
        for name, endpoint in endpoints.items()
    }


def host_attributes(traffic: HostTraffic) -> Labels:
    """The attributes that all series of a host endpoint's chain share."""
    attributes = {
        "network.interface.name": traffic.chain.interface,
        "calico.host_endpoint.traffic": "forwarded" if traffic.chain.forwarded else "local",
        "calico.direction": traffic.chain.direction.value,
        "network.type": f"ipv{traffic.ip_version.value}",
    }
    if traffic.name:
        attributes["calico.host_endpoint.name"] = traffic.name
    return attributes
