"""How Felix names chains and host interfaces, every release since v3.8.

Sources: `felix/rules/rule_defs.go` (prefixes), `libcalico-go/lib/hash/unique_id.go` (length limit),
`felix/rules/policy.go` (policy ids), `libcalico-go/lib/backend/k8s/conversion` (interface names).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import Enum

from otel_calico.calico.model import Direction, Policy, PolicyKind

MAX_CHAIN_NAME = 28
"""Longest chain name in iptables mode, in characters (`felix/iptables/table.go`)."""

WORKLOAD_PREFIXES = {Direction.INGRESS: "cali-tw-", Direction.EGRESS: "cali-fw-"}
_WORKLOAD_DIRECTIONS = {prefix: direction for direction, prefix in WORKLOAD_PREFIXES.items()}
_WORKLOAD_PREFIX = len(WORKLOAD_PREFIXES[Direction.INGRESS])  # of both directions
POLICY_PREFIXES = {Direction.INGRESS: "cali-pi-", Direction.EGRESS: "cali-po-"}
GROUP_PREFIXES = {Direction.INGRESS: "cali-gi-", Direction.EGRESS: "cali-go-"}
PROFILE_PREFIXES = {Direction.INGRESS: "cali-pri-", Direction.EGRESS: "cali-pro-"}
HOST_ENDPOINT_PREFIXES = {
    "cali-th-": Direction.EGRESS,
    "cali-fh-": Direction.INGRESS,
    "cali-thfw-": Direction.EGRESS,
    "cali-fhfw-": Direction.INGRESS,
}
ALL_INTERFACES = "*"
"""Interface of a host endpoint that stands for every interface of its node."""

_ALL_INTERFACES_IN_CHAINS = "any-interface-at-all"  # `felix/dataplane/linux/endpoint_mgr.go`


class IdScheme(Enum):
    """What Felix hashes into a policy chain's name."""

    NAME = "v3.8-v3.28"
    TIER_NAME = "v3.29-v3.31"
    KIND_NAME = "v3.32+"


KIND_CODES = {
    PolicyKind.NETWORK_POLICY: "np",
    PolicyKind.GLOBAL_NETWORK_POLICY: "gnp",
    PolicyKind.KUBERNETES_NETWORK_POLICY: "knp",
    PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY: "kcnp",
}
"""Short kinds in ids of v3.32+ (`felix/types/policy_id.go`)."""

_TIER_OF_PREFIX = {
    "knp.default.": "default",
    "kanp.": "adminnetworkpolicy",
    "kbanp.": "baselineadminnetworkpolicy",
    "ossg.": "default",
}


def chain_name(prefix: str, ident: str, limit: int = MAX_CHAIN_NAME) -> str:
    """The chain of an id: verbatim while it fits, else with a hash of the id."""
    ident = ident or "_"
    length = len(prefix) + len(ident)
    if length > limit or (length == limit and ident.startswith("_")):
        return prefix + "_" + _hash(ident)[: limit - 1 - len(prefix)]
    return prefix + ident


def workload_chain(name: str) -> tuple[Direction, str] | None:
    """Direction and interface of a workload's chain; None if it is no such chain."""
    direction = _WORKLOAD_DIRECTIONS.get(name[:_WORKLOAD_PREFIX])
    return (direction, name[_WORKLOAD_PREFIX:]) if direction else None


@dataclass(frozen=True, slots=True)
class HostEndpointChain:
    """Whose traffic a chain of a host endpoint sees. `interface` may be `*`.

    `forwarded` is true for traffic that passes through the node, false for that of its own processes.
    """

    interface: str
    direction: Direction
    forwarded: bool


def host_endpoint_chain(name: str) -> HostEndpointChain | None:
    """What a chain's name tells; None if it is no chain of a host endpoint."""
    for prefix, direction in HOST_ENDPOINT_PREFIXES.items():
        if name.startswith(prefix):
            everywhere = name in {chain_name(prefix, _ALL_INTERFACES_IN_CHAINS), prefix + _ALL_INTERFACES_IN_CHAINS}
            interface = ALL_INTERFACES if everywhere else name[len(prefix) :]
            return HostEndpointChain(interface, direction, forwarded=prefix.endswith("fw-"))
    return None


def policy_id(policy: Policy, scheme: IdScheme) -> str:
    """The text that Felix turns into the chain name of a policy."""
    if scheme is IdScheme.KIND_NAME:
        code = KIND_CODES.get(policy.kind, policy.kind.value)
        return "/".join(part for part in (code, policy.namespace, programmed_name(policy, scheme)) if part)
    name = programmed_name(policy, scheme)
    qualified = f"{policy.namespace}/{name}" if policy.namespace else name
    if scheme is IdScheme.NAME:
        return qualified
    return f"{tier_of_name(name)}/{qualified}"


def programmed_name(policy: Policy, scheme: IdScheme) -> str:
    """The name Felix's syncer gives a policy, without its namespace (`libcalico-go/lib/names/policy.go`)."""
    if scheme is IdScheme.KIND_NAME:
        return policy.stored_name
    if policy.kind is PolicyKind.KUBERNETES_NETWORK_POLICY:
        return f"knp.default.{policy.stored_name}"
    if policy.kind is PolicyKind.ADMIN_NETWORK_POLICY:
        return f"kanp.adminnetworkpolicy.{policy.stored_name}"
    if policy.kind is PolicyKind.BASELINE_ADMIN_NETWORK_POLICY:
        return f"kbanp.baselineadminnetworkpolicy.{policy.stored_name}"
    return policy.stored_name


def tier_of_name(name: str) -> str:
    """Tier that v3.29-v3.31 derive from a policy's stored name, whatever its `spec.tier` says."""
    for prefix, tier in _TIER_OF_PREFIX.items():
        if name.startswith(prefix):
            return tier
    tier, dot, _ = name.partition(".")
    return tier if dot else "default"


def veth_name(namespace: str, pod: str, prefix: str = "cali") -> str:
    """Host interface of a pod where no WorkloadEndpoint object tells it (`workload_endpoint_default.go`)."""
    digest = hashlib.sha1(f"{namespace}.{pod}".encode(), usedforsecurity=False).hexdigest()
    return prefix + digest[:11]


def _hash(ident: str) -> str:
    digest = hashlib.sha256(ident.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
