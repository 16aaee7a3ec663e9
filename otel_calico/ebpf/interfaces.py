"""Whose traffic the interface counters count: workloads', host endpoints', or the node's other interfaces'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.attribution.workload_family import workload_attributes
from otel_calico.attribution.workloads import Workload, workloads_of
from otel_calico.calico.chains import ALL_INTERFACES
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction
from otel_calico.ebpf.map_entries import Hook
from otel_calico.ebpf.state import EbpfState
from otel_calico.series import Labels

WORKLOAD_HOOKS = {Direction.EGRESS: int(Hook.TC_INGRESS), Direction.INGRESS: int(Hook.TC_EGRESS)}
"""What a workload sends comes in at the node's side of its interface. Plain numbers, which are quick to look up."""

_HOST_DIRECTIONS = {
    Hook.TC_INGRESS: Direction.INGRESS,
    Hook.TC_EGRESS: Direction.EGRESS,
    Hook.XDP: Direction.INGRESS,
}


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Interfaces of the node, by name and hook. `labels` are those of family `workload`.

    `workloads` are the chosen ones, by interface and direction. `others` are neither of a workload nor of a host
    endpoint.
    """

    workloads: Mapping[tuple[str, Direction], Workload] = field(default_factory=dict)
    labels: Mapping[tuple[str, int], Labels] = field(default_factory=dict)
    others: Mapping[tuple[str, int], Direction] = field(default_factory=dict)
    without_workload: tuple[str, ...] = ()


def interfaces_of(state: EbpfState, lookups: Lookups, choice: SeriesChoice) -> Interfaces:
    """Whose interfaces these are. What neither counts nor has a program is left out."""
    counting = {
        (state.names[place.ifindex], place.hook)
        for counters in state.interfaces.values()
        for place in counters
        if place.ifindex in state.names
    }
    programs = state.programs.of.values()
    host_endpoints = {program.key.interface for program in programs if program.is_host}
    with_policy = {program.key.interface for program in programs if not program.is_host and not program.key.is_xdp}
    workloads = workloads_of(state.names.values(), lookups, None)
    known = {interface for _, interface in workloads}
    chosen = {
        (interface, direction): workload
        for (direction, interface), workload in workloads.items()
        if choice.workloads.takes(workload.endpoint)
        and (interface in with_policy or (interface, WORKLOAD_HOOKS[direction]) in counting)
    }
    labels: dict[tuple[str, int], Labels] = {
        (interface, WORKLOAD_HOOKS[direction]): workload_attributes(workload, choice.extra)
        for (interface, direction), workload in chosen.items()
    }
    labels |= _host_labels(host_endpoints, counting, lookups)
    return Interfaces(
        workloads=chosen,
        labels=labels,
        others={
            (interface, hook): _HOST_DIRECTIONS[Hook(hook)]
            for interface, hook in sorted(counting)
            if interface not in known | host_endpoints | with_policy and hook in _HOST_DIRECTIONS
        },
        without_workload=tuple(sorted(with_policy - known)),
    )


def _host_labels(
    interfaces: Iterable[str], counting: Set[tuple[str, int]], lookups: Lookups
) -> Mapping[tuple[str, int], Labels]:
    """The attributes of host endpoints' series. doNotTrack policy runs before all other, at a hook of its own."""
    found: dict[tuple[str, int], Labels] = {}
    for interface in sorted(interfaces):
        endpoint = lookups.host_endpoint(interface) or lookups.host_endpoint(ALL_INTERFACES)
        name = {"calico.host_endpoint.name": endpoint.name} if endpoint else {}
        for hook, direction in _HOST_DIRECTIONS.items():
            if (interface, hook) in counting or hook is not Hook.XDP:
                traffic = {"calico.host_endpoint.traffic": "untracked"} if hook is Hook.XDP else {}
                own = {"network.interface.name": interface, "calico.direction": direction.value}
                found[interface, hook] = {**own, **traffic, **name}
    return found
