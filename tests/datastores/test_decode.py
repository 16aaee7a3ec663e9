"""Resources to model types, from JSON and from dicts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_calico.calico.model import (
    ClusterInformation,
    HostEndpoint,
    Policy,
    PolicyKind,
    Resource,
    WorkloadEndpoint,
)
from otel_calico.datastores.decode import Decoder
from otel_calico.datastores.releases import stored_name_candidates
from otel_calico.datastores.resources import InvalidResourceError

from .cluster import cluster_information, endpoint, policy

NODE_1 = Decoder("node-1")
ADDED = {"projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s"}
WEB = WorkloadEndpoint("calid4242b28b9e", "shop", "web-7d4b9c6f5d-x2x8k", ("192.168.12.7",), {"app": "web", **ADDED})


@pytest.mark.parametrize(
    ("kind", "key", "resource", "expected"),
    [
        (
            "workloadendpoints",
            "shop/any",
            endpoint("web-7d4b9c6f5d-x2x8k", "calid4242b28b9e", ip="192.168.12.7/32"),
            WEB,
        ),
        ("workloadendpoints", "shop/any", endpoint("web", "cali1", node="node-2"), None),
        ("workloadendpoints", "shop/any", endpoint("web", ""), None),
        ("workloadendpoints", "shop/any", {"spec": {"node": "node-1", "interfaceName": "cali1"}}, None),
        (
            "workloadendpoints",
            "vms/any",
            {
                "metadata": {"labels": None},
                "spec": {"node": "node-1", "interfaceName": "tap1", "ipNetworks": ["10.0.0.0/24", "fd00::1/128"]},
            },
            WorkloadEndpoint("tap1", "vms", "", ("10.0.0.0/24", "fd00::1"), {}),
        ),
        (
            "workloadendpoints",
            "openstack/any",
            {
                "spec": {
                    "orchestrator": "openstack",
                    "workload": "b3c1f2a4-55aa-4f6e-9a0b-0a1b2c3d4e5f",
                    "node": "node-1",
                    "interfaceName": "tap1",
                    "ipNetworks": ["10.0.0.7/32"],
                }
            },
            WorkloadEndpoint(
                "tap1", "openstack", "", ("10.0.0.7",), {}, workload="b3c1f2a4-55aa-4f6e-9a0b-0a1b2c3d4e5f"
            ),
        ),
        (
            "workloadendpoints",
            "default/any",
            {
                "spec": {
                    "orchestrator": "cni",
                    "containerID": "6c1f",
                    "node": "node-1",
                    "interfaceName": "cali1",
                    "ipNetworks": ["10.0.0.7/32"],
                }
            },
            WorkloadEndpoint("cali1", "default", "", ("10.0.0.7",), {}, workload="6c1f"),
        ),
        (
            "networkpolicies",
            "shop/knp.default.a",
            policy("NetworkPolicy", "x", "y", order=1000),
            Policy(PolicyKind.NETWORK_POLICY, "shop", "knp.default.a", "default"),
        ),
        (
            "globalnetworkpolicies",
            "security.block",
            policy("GlobalNetworkPolicy", "x", tier="security", order=1.5),
            Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "security.block", "security"),
        ),
        (
            "kubernetesnetworkpolicies",
            "shop/a",
            {"spec": {"podSelector": {}}},
            Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "shop", "a", "default"),
        ),
        (
            "adminnetworkpolicies",
            "guard",
            {"spec": {"priority": 10}},
            Policy(PolicyKind.ADMIN_NETWORK_POLICY, "", "guard", "adminnetworkpolicy"),
        ),
        (
            "baselineadminnetworkpolicies",
            "default",
            {"spec": {}},
            Policy(PolicyKind.BASELINE_ADMIN_NETWORK_POLICY, "", "default", "baselineadminnetworkpolicy"),
        ),
        (
            "clusternetworkpolicies",
            "guard",
            {"spec": {"tier": "Baseline", "priority": 3}},
            Policy(PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY, "", "guard", "kube-baseline"),
        ),
        ("clusternetworkpolicies", "guard", {"spec": {"tier": "Other"}}, None),
        (
            "hostendpoints",
            "uplink",
            {
                "spec": {
                    "node": "node-1",
                    "interfaceName": "eth0",
                    "expectedIPs": ["10.1.0.1", "fd00::1"],
                    "profiles": [],
                }
            },
            HostEndpoint("uplink", "node-1", "eth0", ("10.1.0.1", "fd00::1")),
        ),
        (
            "hostendpoints",
            "auto",
            {"spec": {"node": "node-1", "interfaceName": "*"}},
            HostEndpoint("auto", "node-1", "*"),
        ),
        ("hostendpoints", "unnamed", {"spec": {"node": "node-1"}}, HostEndpoint("unnamed", "node-1", "")),
        ("hostendpoints", "other", {"spec": {"node": "node-2", "interfaceName": "eth0"}}, None),
        ("clusterinformations", "default", cluster_information("v3.32.1"), ClusterInformation("v3.32.1")),
        ("clusterinformations", "default", {"spec": {"datastoreReady": False}}, ClusterInformation("")),
    ],
)
def test_a_resource_in_either_form(kind: str, key: str, resource: Any, expected: Resource | None) -> None:
    assert NODE_1.decode(kind, key, resource) == expected
    assert NODE_1.decode(kind, key, json.dumps(resource).encode()) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"\xff", b'{"spec":', b'{"spec": []}', b'{"spec": null}', {"spec": 1}]
)
@pytest.mark.parametrize("kind", ["workloadendpoints", "pods", "networkpolicies", "clusterinformations"])
def test_what_cannot_be_understood_is_invalid(kind: str, raw: Any) -> None:
    with pytest.raises(InvalidResourceError):
        NODE_1.decode(kind, "shop/a", raw)


def test_the_reason_says_where_and_not_what() -> None:
    with pytest.raises(InvalidResourceError, match=r"^Expected `str`, got `int` - at `\$.spec.node`$"):
        NODE_1.decode("workloadendpoints", "shop/a", b'{"spec": {"node": 4711}}')


def test_without_a_node_name_every_node_counts() -> None:
    assert Decoder(None).decode("workloadendpoints", "shop/a", endpoint("web", "cali1", node="other")) is not None


@pytest.mark.parametrize(
    ("visible", "release", "candidates"),
    [
        ("foo", (3, 28), ("foo", "default.foo")),
        ("a.b", (3, 28), ("a.b", "default.a.b")),
        ("ossg.x", (3, 28), ("ossg.x",)),
        ("knp.default.x", (3, 28), ("knp.default.x",)),
        ("foo", (3, 29), ("foo", "default.foo")),
        ("security.b", (3, 31), ("default.security.b", "security.b")),
        ("foo", (3, 32), ("default.foo", "foo")),
        ("foo", None, ("default.foo", "foo")),
        ("default.foo", None, ("default.default.foo", "default.foo")),
    ],
)
def test_stored_names_behind_a_visible_one(
    visible: str, release: tuple[int, int] | None, candidates: tuple[str, ...]
) -> None:
    assert stored_name_candidates(visible, release) == candidates


def pod(**changes: Any) -> Any:
    """A running pod; keyword arguments replace its metadata, spec or status entries, whichever has the name."""
    whole: Any = {
        "metadata": {"name": "web-7d4b9c6f5d-x2x8k", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "podIP": "192.168.12.7", "podIPs": [{"ip": "192.168.12.7"}, {"ip": "fd00::7"}]},
    }
    for part, values in changes.items():
        whole[part] |= values
    return whole


def addresses(resource: Any, release: tuple[int, int] | None = None) -> tuple[str, ...] | None:
    found = Decoder("node-1", release=release).decode("pods", "shop/web", resource)
    return found.addresses if isinstance(found, WorkloadEndpoint) else None


NO_IP = {"podIP": "", "podIPs": []}
PODIP, PODIPS, AWS = "cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs", "vpc.amazonaws.com/pod-ips"


def test_a_pod_is_the_endpoint_that_calico_makes_of_it() -> None:
    expected = WorkloadEndpoint(WEB.interface, "shop", WEB.pod, ("192.168.12.7", "fd00::7"), {"app": "web", **ADDED})
    assert NODE_1.decode("pods", "shop/web", pod()) == expected
    with_account = NODE_1.decode("pods", "shop/web", pod(spec={"serviceAccountName": "robot"}))
    assert isinstance(with_account, WorkloadEndpoint)
    assert with_account.labels == {"app": "web", **ADDED, "projectcalico.org/serviceaccount": "robot"}
    other_cni = Decoder("node-1", "eni").decode("pods", "shop/web", pod())
    assert isinstance(other_cni, WorkloadEndpoint)
    assert other_cni.interface == "enid4242b28b9e"


@pytest.mark.parametrize(
    ("changes", "release", "expected"),
    [
        ({"spec": {"hostNetwork": True}}, None, None),
        ({"spec": {"nodeName": None}}, None, None),
        ({"spec": {"nodeName": "node-2"}}, None, None),
        ({"status": NO_IP}, None, None),
        ({"status": {"phase": "Pending"}}, None, ("192.168.12.7", "fd00::7")),
        ({"status": {"podIPs": None}}, None, ("192.168.12.7",)),
        ({}, (3, 10), ("192.168.12.7",)),
        (
            {"status": NO_IP, "metadata": {"annotations": {PODIPS: "10.0.0.1/32,fd00::1/128"}}},
            None,
            ("10.0.0.1", "fd00::1"),
        ),
        ({"status": NO_IP, "metadata": {"annotations": {PODIPS: "10.0.0.1/32"}}}, (3, 10), None),
        ({"status": NO_IP, "metadata": {"annotations": {PODIP: "10.0.0.1/32"}}}, (3, 10), ("10.0.0.1",)),
        ({"status": NO_IP, "metadata": {"annotations": {AWS: "10.0.0.1"}}}, (3, 21), ("10.0.0.1",)),
        ({"status": NO_IP, "metadata": {"annotations": {AWS: "10.0.0.1"}}}, (3, 20), None),
        *(({"status": {"phase": phase}}, None, None) for phase in ("Succeeded", "Failed", "Completed")),
    ],
)
def test_which_pods_have_an_endpoint(changes: Any, release: Any, expected: tuple[str, ...] | None) -> None:
    assert addresses(pod(**changes), release) == expected


@pytest.mark.parametrize(
    ("annotations", "finished_in"),
    [
        ({}, {(3, 17), (3, 19)}),
        ({PODIP: ""}, {(3, 17), (3, 19), (3, 20), (3, 21), None}),
        ({PODIP: "10.0.0.1/32"}, set()),
        ({AWS: ""}, {(3, 17), (3, 19), (3, 21), None}),
        ({PODIP: "10.0.0.1/32", AWS: ""}, set()),
    ],
)
def test_when_a_pod_being_deleted_loses_its_endpoint(annotations: Any, finished_in: set[Any]) -> None:
    deleting = pod(metadata={"deletionTimestamp": "2024-05-02T09:11:12Z", "annotations": annotations})
    releases: list[Any] = [(3, 16), (3, 17), (3, 19), (3, 20), (3, 21), None]
    assert {release for release in releases if addresses(deleting, release) is None} == finished_in
