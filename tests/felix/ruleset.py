"""A table of a node, to be loaded into iptables or read as a dump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from otel_calico.calico.model import Direction, IPVersion
from tests.felix.description import Endpoint, Node, Policy, Profile, Table
from tests.felix.dispatch_chains import dispatch_chains, hooks
from tests.felix.endpoint_chains import endpoint_chain
from tests.felix.groups import tiers
from tests.felix.host_endpoint_chains import host_dispatch_chains, host_endpoint_chains
from tests.felix.policy_chains import policy_chain, profile_chain
from tests.felix.prerouting_chains import prerouting_chains, prerouting_hooks
from tests.felix.rule import Chain

_BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
}

Counters = tuple[int, int]
"""Packets and bytes."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Felix's chains of a table by name, and what it adds to the kernel's own chains."""

    chains: Mapping[str, Chain]
    hooks: tuple[Chain, ...] = ()
    table: Table = "filter"

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of all rules; no two are equal."""
        return tuple(rule_hash for chain in (*self.hooks, *self.chains.values()) for rule_hash in chain.hashes)

    def restore(self) -> str:
        """Text for `iptables-restore --noflush` on a table without Felix's chains."""
        lines = [f"*{self.table}", *(f":{name} - -" for name in self.chains)]
        for chain in (*self.chains.values(), *self.hooks):
            lines += [f"-A {chain.name} {rule}" for rule in chain.written]
        return "\n".join([*lines, "COMMIT", ""])

    def dump(self, counters: Mapping[str, Counters] | None = None) -> str:
        """What `iptables-save -c -t TABLE` prints, comment lines aside. Counters by rule hash; the rest is zero.

        It is also text for `iptables-restore -c`, which sets the counters.
        """
        values = counters or {}
        chains = sorted(self.chains.values(), key=lambda chain: chain.name)
        lines = [f"*{self.table}", *(f":{name} ACCEPT [0:0]" for name in _BUILT_IN[self.table])]
        lines += [f":{chain.name} - [0:0]" for chain in chains]
        hooks = sorted(self.hooks, key=lambda chain: _BUILT_IN[self.table].index(chain.name))
        for chain in (*hooks, *chains):
            for rule, rule_hash in zip(chain.rules, chain.hashes, strict=True):
                packets, size = values.get(rule_hash, (0, 0))
                lines.append(f"[{packets}:{size}] -A {chain.name} {rule.printed(rule_hash)}")
        return "\n".join([*lines, "COMMIT", ""])


def render(node: Node, ip_version: IPVersion = IPVersion.V4, table: Table = "filter") -> Ruleset:
    """A table of a node. Policies and profiles get chains in the directions that refer to them."""
    if table == "filter":
        chains = [*dispatch_chains(node, ip_version), *_workload_chains(node, ip_version)]
        endpoints = list(node.endpoints)
    else:
        chains = list(prerouting_chains(node, table))
        endpoints = []
    chains += host_dispatch_chains(node, table)
    for host in node.hosts:
        chains += host_endpoint_chains(node, host, ip_version, table)
        endpoints += host.endpoints(table)
    logged = replace(node, flow_logs=node.flow_logs and table != "raw")  # flow logs know tracked packets only
    chains += _shared_chains(logged, endpoints, ip_version)
    in_kernel = hooks(node) if table == "filter" else prerouting_hooks(table)
    return Ruleset({chain.name: chain for chain in chains}, in_kernel, table)


def _workload_chains(node: Node, ip_version: IPVersion) -> Iterator[Chain]:
    for endpoint in node.endpoints:
        for direction in Direction:
            yield endpoint_chain(node, endpoint, direction, ip_version)


def _shared_chains(node: Node, endpoints: Iterable[Endpoint], ip_version: IPVersion) -> Iterator[Chain]:
    """Groups, policies and profiles, each written once."""
    ways = [(one, way) for one in endpoints if one.admin_up for way in Direction]
    written: set[tuple[Policy | Profile, Direction]] = set()
    for endpoint, direction in ways:
        for _, groups in tiers(node, endpoint.policies(direction), direction):
            for group in groups:
                if not group.inlined:
                    yield group.chain(node)
                for policy in group.programmed:
                    if (policy, direction) not in written:
                        written.add((policy, direction))
                        yield policy_chain(node, policy, direction, ip_version)
        for profile in endpoint.profiles:
            if (profile, direction) not in written:
                written.add((profile, direction))
                yield profile_chain(node, profile, direction, ip_version)
