"""Packets between two scrapes: what the rules of a node count of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from otel_calico.calico.model import Direction
from tests.felix import Endpoint, Node, Ruleset
from tests.felix.kernel import Kernel, Packet

ONE_IN = 10  # pods with typical traffic
_UNREACHED = 7  # packets that rules gain which none of the packets below reaches, if every rule is to gain some
_NO_POLICY = 7  # a port that no policy speaks of


class Traffic(Enum):
    """Which counters move between two scrapes."""

    QUIET = "no counter moved"
    TYPICAL = "traffic on a tenth of the pods"
    ALL = "every counter of every rule moved"


def gains(node: Node, ruleset: Ruleset, traffic: Traffic) -> Mapping[str, int]:
    """Packets that each rule gains, by its hash. Rules that gain none are left out.

    A pod with traffic has an established connection, and each way a new one to every port that a policy speaks of and
    to one that none does: so all policies accept, some deny, and something is dropped because none matched.
    """
    if traffic is Traffic.QUIET:
        return {}
    busy = node.endpoints if traffic is Traffic.ALL else node.endpoints[::ONE_IN]
    kernel = Kernel(ruleset)
    for endpoint in busy:
        for packet in _packets(endpoint):
            kernel.forward(packet)
    unreached = ruleset.hashes if traffic is Traffic.ALL else ()
    return {**dict.fromkeys(unreached, _UNREACHED), **kernel.packets}


def _packets(endpoint: Endpoint) -> Iterator[Packet]:
    for direction in Direction:
        yield Packet(endpoint.interface, direction, _NO_POLICY, state="ESTABLISHED")
        yield Packet(endpoint.interface, direction, _NO_POLICY)
        for policy in endpoint.policies(direction):
            for rule in policy.rules(direction):
                for port in rule.ports:
                    yield Packet(endpoint.interface, direction, port, protocol="tcp")
