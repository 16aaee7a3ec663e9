"""Objects of a cluster as the Kubernetes API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

CRD, NATIVE = "crd.projectcalico.org/v1", "projectcalico.org/v3"


def pod(name: str, *, namespace: str = "shop", node: str = "node-1", app: str = "web", ip: str = "10.0.0.7") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": app},
            "annotations": {"cni.projectcalico.org/podIP": f"{ip}/32", "note": 'a "quoted" {brace}, {"metadata":{}},{'},
        },
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "web"}]},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
    }


def kubernetes_policy(name: str, namespace: str = "shop") -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": {}}


def calico(kind: str, name: str, namespace: str = "", group: str = CRD, **spec: object) -> Object:
    """A policy, tier or cluster information as a custom resource."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


def cluster_information(version: str, group: str = CRD) -> Object:
    return calico("ClusterInformation", "default", group=group, calicoVersion=version, datastoreReady=True)


def cluster_policy(kind: str, name: str, **spec: object) -> Object:
    """An AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy."""
    version = "v1alpha2" if kind == "ClusterNetworkPolicy" else "v1alpha1"
    group = f"policy.networking.k8s.io/{version}"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}


def changed(found: Mapping[str, Any], **parts: Mapping[str, Any]) -> Object:
    """An object with entries of its metadata, spec or status replaced."""
    return {**found, **{part: {**found.get(part, {}), **values} for part, values in parts.items()}}
