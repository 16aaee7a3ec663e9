"""Decodes resources of a datastore into the types of `model`.

As in Felix, a resource that is invalid counts as absent. `decode` returns None for resources that no scan of this node
needs (an endpoint of another node, one without addresses) and raises `InvalidResourceError` for invalid ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.calico.model import (
    ClusterInformation,
    HostEndpoint,
    Policy,
    PolicyKind,
    Resource,
    WorkloadEndpoint,
)
from otel_calico.datastores.pods import bare_address, pod_endpoint
from otel_calico.datastores.releases import Release
from otel_calico.datastores.resources import (
    ClusterInformationResource,
    HostEndpointResource,
    InvalidResourceError,
    PolicyResource,
    Raw,
    WorkloadEndpointResource,
    read,
)

WORKLOAD_ENDPOINTS = "workloadendpoints"
PODS = "pods"
HOST_ENDPOINTS = "hostendpoints"
CLUSTER_INFORMATIONS = "clusterinformations"
NETWORK_POLICIES = "networkpolicies"
GLOBAL_NETWORK_POLICIES = "globalnetworkpolicies"
KUBERNETES_NETWORK_POLICIES = "kubernetesnetworkpolicies"
ADMIN_NETWORK_POLICIES = "adminnetworkpolicies"
BASELINE_ADMIN_NETWORK_POLICIES = "baselineadminnetworkpolicies"
CLUSTER_NETWORK_POLICIES = "clusternetworkpolicies"

POLICY_KINDS = {
    NETWORK_POLICIES: PolicyKind.NETWORK_POLICY,
    GLOBAL_NETWORK_POLICIES: PolicyKind.GLOBAL_NETWORK_POLICY,
    KUBERNETES_NETWORK_POLICIES: PolicyKind.KUBERNETES_NETWORK_POLICY,
    ADMIN_NETWORK_POLICIES: PolicyKind.ADMIN_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICIES: PolicyKind.BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICIES: PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY,
}

TIERS_OF_KINDS = {
    KUBERNETES_NETWORK_POLICIES: "default",
    ADMIN_NETWORK_POLICIES: "adminnetworkpolicy",
    BASELINE_ADMIN_NETWORK_POLICIES: "baselineadminnetworkpolicy",
}
"""Kinds whose policies are all in one tier, so that their content is not needed."""
_CLUSTER_POLICY_TIERS = {"Admin": "kube-admin", "Baseline": "kube-baseline"}


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes for one node, or without `node_name` for all nodes.

    `interface_prefix` and `release` determine the endpoints of pods (`pods.py`).
    """

    node_name: str | None
    interface_prefix: str = "cali"
    release: Release | None = None

    def decode(self, kind: str, key: str, raw: Raw) -> Resource | None:
        """The resource with `key`: `NAMESPACE/NAME`, or `NAME` for cluster-wide kinds.

        Raises InvalidResourceError.
        """
        namespace, _, name = key.rpartition("/")
        if kind in POLICY_KINDS:
            return _policy(kind, namespace, name, raw)
        if kind == WORKLOAD_ENDPOINTS:
            return self._workload_endpoint(namespace, raw)
        if kind == PODS:
            return pod_endpoint(raw, self.node_name, self.interface_prefix, self.release)
        if kind == HOST_ENDPOINTS:
            return self._host_endpoint(name, raw)
        if kind == CLUSTER_INFORMATIONS:
            return _cluster_information(raw)
        raise InvalidResourceError(f"unknown kind {kind}")

    def _workload_endpoint(self, namespace: str, raw: Raw) -> WorkloadEndpoint | None:
        endpoint = read(raw, WorkloadEndpointResource)
        spec = endpoint.spec
        if self.node_name is not None and spec.node != self.node_name:
            return None
        if not spec.ip_networks or not spec.interface_name:
            return None  # Felix writes no chains for it
        return WorkloadEndpoint(
            interface=spec.interface_name,
            namespace=namespace,
            pod=spec.pod,
            addresses=tuple(bare_address(network) for network in spec.ip_networks),
            labels=endpoint.metadata.labels or {},
            workload="" if spec.pod else spec.workload or spec.container_id,
        )

    def _host_endpoint(self, name: str, raw: Raw) -> HostEndpoint | None:
        spec = read(raw, HostEndpointResource).spec
        if self.node_name is not None and spec.node != self.node_name:
            return None
        return HostEndpoint(name, spec.node, spec.interface_name, tuple(spec.expected_ips or ()))


def _policy(kind: str, namespace: str, name: str, raw: Raw) -> Policy | None:
    if tier := TIERS_OF_KINDS.get(kind):
        return Policy(POLICY_KINDS[kind], namespace, name, tier)
    tier = read(raw, PolicyResource).spec.tier or "default"
    if kind == CLUSTER_NETWORK_POLICIES:
        if tier not in _CLUSTER_POLICY_TIERS:
            return None  # Calico ignores it
        tier = _CLUSTER_POLICY_TIERS[tier]
    return Policy(POLICY_KINDS[kind], namespace, name, tier)


def _cluster_information(raw: Raw) -> ClusterInformation:
    return ClusterInformation(read(raw, ClusterInformationResource).spec.calico_version or "")
