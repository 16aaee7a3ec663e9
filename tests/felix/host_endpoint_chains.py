"""Chains to and from a host endpoint, and the way to them (`felix/rules/endpoints.go`, `felix/rules/dispatch.go`).

Only those of the filter table: untracked policies stand in `raw`, pre-DNAT ones in `mangle`.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.calico.chains import HOST_ENDPOINT_PREFIXES, chain_name
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import parts
from tests.felix.description import Endpoint, HostEndpoint, Node
from tests.felix.endpoint_chains import EndpointRules
from tests.felix.rule import Chain, Rule

ALL_INTERFACES = "any-interface-at-all"
_DISPATCH = {
    "cali-fh-": "cali-from-host-endpoint",
    "cali-th-": "cali-to-host-endpoint",
    "cali-fhfw-": "cali-from-hep-forward",
    "cali-thfw-": "cali-to-hep-forward",
}
_FAILSAFE = {Direction.INGRESS: "cali-failsafe-in", Direction.EGRESS: "cali-failsafe-out"}


def host_endpoint_chains(node: Node, host: HostEndpoint, ip_version: IPVersion) -> Iterator[Chain]:
    """All rules for the traffic of the node's own processes, and for what it forwards."""
    for prefix, direction in HOST_ENDPOINT_PREFIXES.items():
        forwarded = prefix.endswith("fw-")
        endpoint = host.forwarded if forwarded else host.local
        rules = _HostRules(node, endpoint, direction, ip_version, forwarded=forwarded)
        yield Chain(_chain(prefix, host), tuple(rules.all()))


def host_dispatch_chains(node: Node) -> Iterator[Chain]:
    """From the chains of the hooks to those of the interfaces. Most are on every node, and empty."""
    for prefix, root in _DISPATCH.items():
        if root == "cali-to-host-endpoint" and not node.hosts:
            continue
        ingress = HOST_ENDPOINT_PREFIXES[prefix] is Direction.INGRESS
        match = parts.in_interface if ingress else parts.out_interface
        yield Chain(
            root,
            tuple(
                Rule(parts.goto(_chain(prefix, host)), () if host.interface == "*" else (match(host.interface),))
                for host in sorted(node.hosts, key=lambda host: (host.interface == "*", host.interface))
            ),
        )
    if node.hosts:
        yield from map(Chain, _FAILSAFE.values())


def _chain(prefix: str, host: HostEndpoint) -> str:
    return chain_name(prefix, ALL_INTERFACES if host.interface == "*" else host.interface)


class _HostRules(EndpointRules):
    """An endpoint chain with failsafes; that for forwarded traffic has neither those nor profiles."""

    def __init__(
        self, node: Node, endpoint: Endpoint, direction: Direction, ip_version: IPVersion, *, forwarded: bool
    ) -> None:
        super().__init__(node, endpoint, direction, ip_version)
        self.forwarded = forwarded

    def conntrack(self) -> Iterator[Rule]:
        yield from super().conntrack()
        if not self.forwarded:
            yield Rule(parts.jump(_FAILSAFE[self.direction]))

    def encapsulation(self) -> Iterator[Rule]:
        yield from ()

    def profiles(self) -> Iterator[Rule]:
        if not self.forwarded:
            yield from super().profiles()
        elif not self.endpoint.policies(self.direction):
            yield Rule(parts.set_mark(self.marks.accept), (), ("Allow forwarded traffic by default",))
            yield Rule(parts.RETURN, (), ("Return for accepted forward traffic",))
