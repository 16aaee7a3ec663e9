"""Converts a Kubernetes pod into a workload endpoint, as Calico does in its Kubernetes datastore.

Sources: `libcalico-go/lib/backend/k8s/conversion/{conversion,workload_endpoint_default}.go`. Rules that
differ between releases name the release that introduced them.
"""

from __future__ import annotations

from otel_calico.calico.chains import veth_name
from otel_calico.calico.model import WorkloadEndpoint
from otel_calico.datastores.owners import owner_of
from otel_calico.datastores.releases import Release
from otel_calico.datastores.resources import Pod, Raw, read

NEWEST: Release = (3, 999)
RULES_SETTLED: Release = (3, 21)
"""The rules have not changed since this release."""

POD_IP = "cni.projectcalico.org/podIP"
POD_IPS = "cni.projectcalico.org/podIPs"
AWS_POD_IPS = "vpc.amazonaws.com/pod-ips"

_FINISHED_PHASES = ("Succeeded", "Failed", "Completed")
_MAX_LABEL_VALUE = 63


def pod_endpoint(
    raw: Raw, node_name: str | None, interface_prefix: str = "cali", release: Release | None = None
) -> WorkloadEndpoint | None:
    """The endpoint of a pod; None without one: host network, not scheduled, other node, finished, or no address.

    Without `node_name` pods of all nodes count; without `release` the rules of the newest Calico apply.
    Raises InvalidResourceError.
    """
    pod = read(raw, Pod)
    node = pod.spec.node_name
    if pod.spec.host_network or not node or (node_name is not None and node != node_name):
        return None
    release = release or NEWEST
    addresses = () if _finished(pod, release) else _addresses(pod, release)
    if not addresses:
        return None
    namespace = pod.metadata.namespace or ""
    return WorkloadEndpoint(
        interface=veth_name(namespace, pod.metadata.name, interface_prefix),
        namespace=namespace,
        pod=pod.metadata.name,
        addresses=addresses,
        labels=_labels(pod, namespace),
        owner=owner_of(pod.metadata),
    )


def bare_address(network: str) -> str:
    """An address or subnet without `/32` and `/128`."""
    address, _, length = network.strip().partition("/")
    full = "128" if ":" in address else "32"
    return address if length in ("", full) else f"{address}/{length}"


def _addresses(pod: Pod, release: Release) -> tuple[str, ...]:
    annotations = pod.metadata.annotations or {}
    found = [[pod_ip.ip for pod_ip in pod.status.pod_ips or ()]] if release >= (3, 11) else []
    found.append([pod.status.pod_ip or ""])
    if release >= (3, 11):
        found.append(annotations.get(POD_IPS, "").split(","))
    found.append([annotations.get(POD_IP, "")])
    if release >= (3, 21):
        found.append(annotations.get(AWS_POD_IPS, "").split(","))
    for networks in found:
        if addresses := tuple(bare_address(network) for network in networks if network.strip()):
            return addresses
    return ()


def _finished(pod: Pod, release: Release) -> bool:
    """Whether Calico has removed the addresses of the pod, so that Felix removes its chains."""
    if pod.status.phase in _FINISHED_PHASES:
        return True
    if not pod.metadata.deletion_timestamp or release < (3, 17):
        return False
    annotations = pod.metadata.annotations or {}
    if release < (3, 20):
        return not annotations.get(POD_IP)
    if POD_IP in annotations:
        return not annotations[POD_IP]
    return release >= (3, 21) and annotations.get(AWS_POD_IPS) == ""


def _labels(pod: Pod, namespace: str) -> dict[str, str]:
    labels = dict(pod.metadata.labels or {})
    labels["projectcalico.org/namespace"] = namespace
    labels["projectcalico.org/orchestrator"] = "k8s"
    account = pod.spec.service_account_name
    if account and len(account) < _MAX_LABEL_VALUE:
        labels["projectcalico.org/serviceaccount"] = account
    return labels
