"""The datastore behind the recorded eBPF states: what `calicoctl get -o yaml` would have exported of the pods."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.recordings.ebpf_states import RecordedState

NODE_NAME = "ebpf-node"


def resources(state: RecordedState) -> str:
    """All endpoints, and the host endpoint where the state has one, as one list in JSON (which is YAML)."""
    return json.dumps({"apiVersion": "projectcalico.org/v3", "kind": "List", "items": list(_items(state))})


def _items(state: RecordedState) -> Iterator[Mapping[str, Any]]:
    truth = state.json("truth.json")["pods"]
    for interface, pod in state.pods.items():
        namespace, _, name = pod.partition("/")
        yield {
            "apiVersion": "projectcalico.org/v3",
            "kind": "WorkloadEndpoint",
            "metadata": {
                "name": f"ebpf--node-k8s-{name.replace('-', '--')}-eth0",
                "namespace": namespace,
                "labels": {"app": name},
            },
            "spec": {
                "orchestrator": "k8s",
                "node": NODE_NAME,
                "pod": name,
                "endpoint": "eth0",
                "interfaceName": interface,
                "ipNetworks": [f"{truth[pod]['ip']}/32", f"{truth[pod]['ip6']}/128"],
            },
        }
    if "host-endpoint" in state.name:
        interface = "*" if "wildcard" in state.name else "eth0"
        yield {
            "apiVersion": "projectcalico.org/v3",
            "kind": "HostEndpoint",
            "metadata": {"name": "node-hep"},
            "spec": {"node": NODE_NAME, "interfaceName": interface},
        }
