"""Who made a pod, by the names of its owners."""

from __future__ import annotations

from typing import Any

import pytest

from otel_calico.datastores.pods import pod_endpoint
from tests.kubernetes.objects import changed, pod


def owned_by(kind: str, name: str, *, controller: bool | None = True) -> list[dict[str, Any]]:
    return [{"apiVersion": "any/v1", "kind": kind, "name": name, "uid": "1", "controller": controller}]


@pytest.mark.parametrize(
    ("references", "labels", "owner"),
    [
        (None, {}, ""),
        ([], {}, ""),
        (owned_by("ReplicaSet", "web-7d4b9c6f5d"), {"pod-template-hash": "7d4b9c6f5d"}, "Deployment/web"),
        (owned_by("ReplicaSet", "my-web-5d"), {"pod-template-hash": "5d"}, "Deployment/my-web"),
        (owned_by("ReplicaSet", "web-7d4b9c6f5d"), {}, "ReplicaSet/web-7d4b9c6f5d"),
        (owned_by("ReplicaSet", "web"), {"pod-template-hash": "web"}, "ReplicaSet/web"),
        (owned_by("StatefulSet", "db"), {"pod-template-hash": "x"}, "StatefulSet/db"),
        (owned_by("DaemonSet", "agent"), {}, "DaemonSet/agent"),
        (owned_by("Job", "backup-28571040"), {}, "CronJob/backup"),
        (owned_by("Job", "backup-1714262400"), {}, "CronJob/backup"),
        (owned_by("Job", "migrate"), {}, "Job/migrate"),
        (owned_by("Job", "migrate-2024"), {}, "Job/migrate-2024"),
        (owned_by("Node", "node-1"), {}, "Node/node-1"),
        (owned_by("Workflow", "w", controller=False) + owned_by("Job", "j"), {}, "Job/j"),
        (owned_by("Workflow", "w", controller=None), {}, ""),
    ],
)
def test_the_owner_behind_a_pod(references: Any, labels: dict[str, str], owner: str) -> None:
    whole = changed(pod("web"), metadata={"ownerReferences": references, "labels": labels})
    found = pod_endpoint(whole, "node-1")
    assert found is not None
    assert found.owner == owner
