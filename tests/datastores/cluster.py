"""Calico resources as etcd holds them, in the layout of real ones."""

from __future__ import annotations

from typing import Any


def endpoint(pod: str, interface: str, *, node: str = "node-1", app: str = "web", ip: str = "10.0.0.7/32") -> Any:
    return {
        "kind": "WorkloadEndpoint",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {
            "name": endpoint_key(pod, node).rpartition("/")[2],
            "generateName": "web-7d4b9c6f5d-",
            "namespace": "shop",
            "uid": "0f0e2c9a-8f7b-4f0e-9a43-3a6a3d9b1c11",
            "creationTimestamp": "2024-05-02T09:11:12Z",
            "labels": {"app": app, "projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s"},
        },
        "spec": {
            "orchestrator": "k8s",
            "node": node,
            "containerID": "6c1f",
            "pod": pod,
            "endpoint": "eth0",
            "ipNetworks": [ip],
            "profiles": ["kns.shop", "ksa.shop.default"],
            "interfaceName": interface,
            "mac": "ee:ee:ee:ee:ee:ee",
        },
    }


def endpoint_key(pod: str, node: str = "node-1") -> str:
    return f"workloadendpoints/shop/{node.replace('-', '--')}-k8s-{pod.replace('-', '--')}-eth0"


def policy(kind: str, name: str, namespace: str | None = None, **spec: object) -> Any:
    return {
        "kind": kind,
        "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        "spec": {"selector": "all()", "types": ["Ingress"], "ingress": [{"action": "Allow"}], **spec},
    }


def cluster_information(version: str) -> Any:
    return {
        "kind": "ClusterInformation",
        "metadata": {"name": "default"},
        "spec": {"calicoVersion": version, "datastoreReady": True, "clusterGUID": "1", "clusterType": "k8s,bgp"},
    }
