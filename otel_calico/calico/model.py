"""Calico's terms as frozen types. Imports nothing of the project.

Calico's own terms: a *workload endpoint* is the host side of one pod interface, *ingress* is traffic to the
workload, a *tier* is an ordered set of policies, a *verdict* is what a policy rule decided about a packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple


class Direction(Enum):
    """Way of the traffic, seen from the workload."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Verdict(Enum):
    """What a policy rule decided. `PASS` hands the packet to the next tier or to the profiles."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105 - the verdict, not a password


class IPVersion(IntEnum):
    """Which of the node's two rulesets (`iptables`, `ip6tables`) a rule stands in."""

    V4 = 4
    V6 = 6


class Table(Enum):
    """Which of the packet filter's tables chains of Felix's stand in.

    Policies of host endpoints with `doNotTrack` are in `raw`, those with `preDNAT` in `mangle`, all others in `filter`
    (`felix/dataplane/linux/int_dataplane.go`).
    """

    FILTER = "filter"
    RAW = "raw"
    MANGLE = "mangle"


class RulesetKey(NamedTuple):
    """What tells the rulesets of a node apart: chains of one name may stand in several tables."""

    ip_version: IPVersion
    table: Table = Table.FILTER

    @property
    def attributes(self) -> Mapping[str, str]:
        """What series say of the table: nothing in the usual case."""
        return {} if self.table is Table.FILTER else {"calico.table": self.table.value}

    @property
    def words(self) -> str:
        """How people are told of the table: nothing in the usual case."""
        return "" if self.table is Table.FILTER else f"table {self.table.value}"


class PolicyKind(Enum):
    """Kinds of policy that Felix programs. Values are the names of the Kubernetes or Calico API."""

    NETWORK_POLICY = "NetworkPolicy"
    GLOBAL_NETWORK_POLICY = "GlobalNetworkPolicy"
    KUBERNETES_NETWORK_POLICY = "KubernetesNetworkPolicy"
    ADMIN_NETWORK_POLICY = "AdminNetworkPolicy"
    BASELINE_ADMIN_NETWORK_POLICY = "BaselineAdminNetworkPolicy"
    KUBERNETES_CLUSTER_NETWORK_POLICY = "KubernetesClusterNetworkPolicy"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as the datastore holds it.

    `stored_name` is the name that Felix hashes: the last segment of the etcd key, or `metadata.name` of the
    `crd.projectcalico.org/v1` object; not always the name a user sees. `namespace` is empty for global kinds.
    """

    kind: PolicyKind
    namespace: str
    stored_name: str
    tier: str = "default"


@dataclass(frozen=True, slots=True)
class WorkloadEndpoint:
    """One interface of a workload on this node.

    `pod` is empty for workloads that are not Kubernetes pods; `workload` is then what their orchestrator calls them,
    such as the ID of an OpenStack instance. `addresses` are IP addresses or subnets, with `/32` and `/128` left off.
    `labels` are the workload's labels plus those Calico adds. `owner` is `KIND/NAME` of what made the pod, such as
    `Deployment/web`; empty if nothing did, or the datastore does not tell.
    """

    interface: str
    namespace: str
    pod: str
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    workload: str = ""

    @property
    def name(self) -> str:
        """The pod, or the workload that is none. It may have several endpoints."""
        return self.pod or self.workload

    @property
    def full_name(self) -> str:
        """`NAMESPACE/NAME`, or the interface where it has no name."""
        return f"{self.namespace}/{self.name}" if self.name else self.interface


@dataclass(frozen=True, slots=True)
class HostEndpoint:
    """An interface of the node itself that policies apply to.

    `interface` is a name, `*` for all interfaces of the node, or empty where Felix looks for the interface that has one
    of `addresses`.
    """

    name: str
    node: str
    interface: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterInformation:
    """The cluster-wide state object (`clusterinformations/default`)."""

    calico_version: str = ""


Resource = WorkloadEndpoint | HostEndpoint | Policy | ClusterInformation
