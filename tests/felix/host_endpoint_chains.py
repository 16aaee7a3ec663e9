"""Chains to and from a host endpoint, and the way to them (`felix/rules/endpoints.go`, `felix/rules/dispatch.go`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from otel_calico.calico.chains import HOST_ENDPOINT_PREFIXES, chain_name
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import parts
from tests.felix.description import Endpoint, HostEndpoint, Node, Table
from tests.felix.endpoint_chains import EndpointRules
from tests.felix.eras import Era
from tests.felix.rule import Chain, Rule

ALL_INTERFACES = "any-interface-at-all"
_DISPATCH = {
    "cali-fh-": "cali-from-host-endpoint",
    "cali-th-": "cali-to-host-endpoint",
    "cali-fhfw-": "cali-from-hep-forward",
    "cali-thfw-": "cali-to-hep-forward",
}
_FAILSAFE = {Direction.INGRESS: "cali-failsafe-in", Direction.EGRESS: "cali-failsafe-out"}


def host_endpoint_chains(node: Node, host: HostEndpoint, ip_version: IPVersion, table: Table) -> Iterator[Chain]:
    """All rules of a table for the traffic of the node's own processes, and for what it forwards."""
    for prefix, writer in _WRITERS[table].items():
        endpoint = host.endpoints(table)[prefix.endswith("fw-")]
        rules = writer(node, endpoint, HOST_ENDPOINT_PREFIXES[prefix], ip_version)
        yield Chain(_chain(node, prefix, host), tuple(rules.all()))


def host_dispatch_chains(node: Node, table: Table) -> Iterator[Chain]:
    """From the chains of the hooks to those of the interfaces. Most are on every node, and empty."""
    for prefix in _WRITERS[table]:
        root = _DISPATCH[prefix]
        ingress = HOST_ENDPOINT_PREFIXES[prefix] is Direction.INGRESS
        match = parts.in_interface if ingress else parts.out_interface
        yield Chain(
            root,
            tuple(
                Rule(parts.goto(_chain(node, prefix, host)), () if host.interface == "*" else (match(host.interface),))
                for host in sorted(node.hosts, key=lambda host: (host.interface == "*", host.interface))
            ),
        )
    if node.hosts:
        yield from map(Chain, _FAILSAFE.values())


def _chain(node: Node, prefix: str, host: HostEndpoint) -> str:
    interface = ALL_INTERFACES if host.interface == "*" else host.interface
    return chain_name(prefix, interface, node.longest_endpoint_chain)


class _LocalRules(EndpointRules):
    """Rules for the traffic of the node's own processes."""

    def conntrack(self) -> Iterator[Rule]:
        yield from super().conntrack()
        yield Rule(parts.jump(_FAILSAFE[self.direction]))

    def encapsulation(self) -> Iterator[Rule]:
        yield from ()


class _ForwardedRules(EndpointRules):
    """Rules for forwarded traffic, which is allowed where no policy is about it."""

    def encapsulation(self) -> Iterator[Rule]:
        yield from ()

    def profiles(self) -> Iterator[Rule]:
        ways = Direction if self.node.era >= Era.C else (self.direction,)
        if not any(self.endpoint.policies(way) for way in ways):
            yield Rule(parts.set_mark(self.marks.accept), (), ("Allow forwarded traffic by default",))
            yield Rule(parts.RETURN, (), ("Return for accepted forward traffic",))


class _PreDnatRules(_LocalRules):
    """Rules for incoming traffic before DNAT: what no policy decides goes on."""

    ends_tiers = False

    def profiles(self) -> Iterator[Rule]:
        yield from ()


class _UntrackedRules(_PreDnatRules):
    """Rules before connection tracking: what a policy accepts stays untracked."""

    def conntrack(self) -> Iterator[Rule]:
        yield Rule(parts.jump(_FAILSAFE[self.direction]))

    def return_if_accepted(self) -> Iterator[Rule]:
        yield Rule(parts.NOTRACK, (self.accepted,))
        yield from super().return_if_accepted()


class _AfterDnatRules(_LocalRules):
    """The rules for outgoing traffic once more, for that which DNAT changed. Accepted packets return."""

    def __init__(self, node: Node, endpoint: Endpoint, direction: Direction, ip_version: IPVersion) -> None:
        super().__init__(replace(node, allow_action="RETURN"), endpoint, direction, ip_version)


_WRITERS: dict[Table, dict[str, type[EndpointRules]]] = {
    "filter": dict(zip(_DISPATCH, (_LocalRules, _LocalRules, _ForwardedRules, _ForwardedRules), strict=True)),
    "raw": {"cali-fh-": _UntrackedRules, "cali-th-": _UntrackedRules},
    "mangle": {"cali-fh-": _PreDnatRules, "cali-th-": _AfterDnatRules},
}
