"""The resources that are read from the Kubernetes API: groups, versions, paths.

Sources: `libcalico-go/lib/backend/syncersv1/felixsyncer/felixsyncerv1.go`, `libcalico-go/lib/backend/k8s/discovery.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.datastores.decode import (
    ADMIN_NETWORK_POLICIES,
    BASELINE_ADMIN_NETWORK_POLICIES,
    CLUSTER_INFORMATIONS,
    CLUSTER_NETWORK_POLICIES,
    GLOBAL_NETWORK_POLICIES,
    HOST_ENDPOINTS,
    KUBERNETES_NETWORK_POLICIES,
    NETWORK_POLICIES,
    PODS,
    POLICY_KINDS,
)

CRD_GROUP = "crd.projectcalico.org"
NATIVE_GROUP = "projectcalico.org"


@dataclass(frozen=True, slots=True)
class ApiResource:
    """A resource as RBAC and URLs name it; `group` is empty for the core group."""

    group: str
    version: str
    plural: str

    @property
    def path(self) -> str:
        """The path of the list of all namespaces."""
        group = f"/apis/{self.group}" if self.group else "/api"
        return f"{group}/{self.version}/{self.plural}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


_POLICY_GROUP = "policy.networking.k8s.io"
_KUBERNETES = {
    PODS: ApiResource("", "v1", "pods"),
    KUBERNETES_NETWORK_POLICIES: ApiResource("networking.k8s.io", "v1", "networkpolicies"),
    ADMIN_NETWORK_POLICIES: ApiResource(_POLICY_GROUP, "v1alpha1", "adminnetworkpolicies"),
    BASELINE_ADMIN_NETWORK_POLICIES: ApiResource(_POLICY_GROUP, "v1alpha1", "baselineadminnetworkpolicies"),
    CLUSTER_NETWORK_POLICIES: ApiResource(_POLICY_GROUP, "v1alpha2", "clusternetworkpolicies"),
}
_CALICO = (NETWORK_POLICIES, GLOBAL_NETWORK_POLICIES, CLUSTER_INFORMATIONS)

KUBERNETES_KINDS = (PODS, CLUSTER_INFORMATIONS)
KUBERNETES_POLICY_KINDS = tuple(kind for kind in (*_KUBERNETES, *_CALICO) if kind in POLICY_KINDS)


def is_calico(kind: str) -> bool:
    """Whether a kind is one of Calico's, whose group depends on the cluster."""
    return kind in _CALICO or kind == HOST_ENDPOINTS


def api_resource(kind: str, *, native: bool) -> ApiResource:
    """The resource of a kind. `native`: Calico's are in `projectcalico.org/v3`, not in `crd.projectcalico.org/v1`."""
    if kind in _KUBERNETES:
        return _KUBERNETES[kind]
    return ApiResource(NATIVE_GROUP, "v3", kind) if native else ApiResource(CRD_GROUP, "v1", kind)
