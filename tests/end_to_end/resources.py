"""Keys and values of Calico's etcd datastore, in the layout of each era.

Keys: `libcalico-go/lib/backend/model/resource.go`; names of endpoints: `lib/names/workloadendpoint.go`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from otel_calico.calico.model import PolicyKind
from tests.end_to_end.cluster import CLIENT, NAMESPACE, NODE_NAME, WEB, Workload, fetch_web, web_policies
from tests.felix import Era, Policy

PREFIX = "/calico/resources/v3/projectcalico.org/"

_PLURALS = {
    PolicyKind.NETWORK_POLICY: "networkpolicies",
    PolicyKind.GLOBAL_NETWORK_POLICY: "globalnetworkpolicies",
}
_ORDERS = {"security": 100.0, "default": 1000000.0}


def datastore(era: Era) -> dict[str, str]:
    """All that etcd holds at the start: both pods, their policies, the tiers of eras that have them."""
    policies = (*web_policies(era), fetch_web(era))
    tiers = dict.fromkeys(policy.tier for policy in policies) if era >= Era.C else {}
    return dict(
        [
            *map(endpoint, (WEB, CLIENT)),
            *(policy_entry(policy, era) for policy in policies),
            *map(tier, tiers),
            cluster_information("v3.32.1" if era >= Era.E else "v3.25.0"),
        ]
    )


def endpoint(workload: Workload, node_name: str = NODE_NAME) -> tuple[str, str]:
    """A WorkloadEndpoint as Calico's CNI plugin writes it."""
    name = f"{node_name.replace('-', '--')}-k8s-{workload.pod.replace('-', '--')}-eth0"
    labels = {
        "app": workload.app,
        "projectcalico.org/namespace": NAMESPACE,
        "projectcalico.org/orchestrator": "k8s",
    }
    spec = {
        "orchestrator": "k8s",
        "node": node_name,
        "pod": workload.pod,
        "endpoint": "eth0",
        "ipNetworks": [f"{workload.ipv4}/32", f"{workload.ipv6}/128"],
        "profiles": [f"kns.{NAMESPACE}", f"ksa.{NAMESPACE}.default"],
        "interfaceName": workload.interface,
    }
    return f"{PREFIX}workloadendpoints/{NAMESPACE}/{name}", _value(
        "WorkloadEndpoint", {"name": name, "namespace": NAMESPACE, "labels": labels}, spec
    )


def policy_entry(policy: Policy, era: Era) -> tuple[str, str]:
    """A policy under its stored name; `spec.tier` exists since tiers do."""
    path = "/".join(part for part in (_PLURALS[policy.kind], policy.namespace, policy.name) if part)
    metadata = {"name": policy.name} | ({"namespace": policy.namespace} if policy.namespace else {})
    spec: dict[str, object] = {"order": 1000, "selector": policy.selector, "types": ["Ingress", "Egress"]}
    if era >= Era.C:
        spec["tier"] = policy.tier
    return f"{PREFIX}{path}", _value(policy.kind.value, metadata, spec)


def host_endpoint(name: str, interface: str, address: str = "") -> tuple[str, str]:
    """A HostEndpoint of the node. Without an interface it is found by its address."""
    spec = (
        {"node": NODE_NAME, "interfaceName": interface} if interface else {"node": NODE_NAME, "expectedIPs": [address]}
    )
    return f"{PREFIX}hostendpoints/{name}", _value("HostEndpoint", {"name": name}, spec)


def tier(name: str) -> tuple[str, str]:
    """A tier that drops what no policy of it passes."""
    return f"{PREFIX}tiers/{name}", _value("Tier", {"name": name}, {"order": _ORDERS[name], "defaultAction": "Deny"})


def cluster_information(version: str) -> tuple[str, str]:
    """The cluster's state object."""
    spec = {"calicoVersion": version, "datastoreReady": True, "clusterType": "k8s,bgp"}
    return f"{PREFIX}clusterinformations/default", _value("ClusterInformation", {"name": "default"}, spec)


def _value(kind: str, metadata: Mapping[str, object], spec: Mapping[str, object]) -> str:
    resource = {"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": metadata, "spec": spec}
    return json.dumps(resource)
