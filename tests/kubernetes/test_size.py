"""A large cluster: time to be in sync, and memory of the whole service."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from otel_calico.calico.chains import IdScheme, veth_name
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from tests.felix import Endpoint, Era, Node, kubernetes_profiles, render
from tests.felix.example import example_endpoint
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.objects import Object, calico, changed, cluster_information, kubernetes_policy, pod
from tests.node.programs import wait_until
from tests.node.service import Service

PODS, OURS, POLICIES = 5000, 110, 20_000
OTHERS_FIELDS = {"managedFields": [{"manager": "kubectl", "fieldsV1": {f"f:field-{n}": {} for n in range(20)}}]}


def large_cluster() -> list[Object]:
    """Policies of half a kilobyte to one and a half, as real ones are."""
    ours = [pod(f"pod-{n}", namespace=f"ns-{n % 9}", ip=f"10.0.0.{n}") for n in range(OURS)]
    others = [pod(f"far-{n}", node=f"node-{n % 45 + 2}") for n in range(PODS - OURS)]
    half = POLICIES // 2
    rules: dict[str, Any] = {
        "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [n]}} for n in range(8)]
    }
    policies = [calico("NetworkPolicy", f"default.policy-{n}", f"ns-{n % 500}", order=n, **rules) for n in range(half)]
    policies += [kubernetes_policy(f"policy-{n}", f"ns-{n % 500}") for n in range(half)]
    return [*ours, *others, *(changed(one, metadata=OTHERS_FIELDS) for one in policies), cluster_information("v3.28.0")]


@pytest.mark.slow
@pytest.mark.parametrize("pages", [False, True], ids=["one piece", "pages"])
def test_a_large_cluster_is_in_sync_within_5_s(
    api: ApiServer, lookups: Lookups, follow: Follow, *, pages: bool
) -> None:
    api.behaviour.cache_ignores_limit = not pages
    api.store.put(*large_cluster())
    lookups.policy("cali-pi-x", IdScheme.NAME)  # scans have asked before: every policy is hashed while it is read
    began = time.monotonic()
    datastore = follow(api.url, lookups)
    wait_until(lambda: datastore.status().in_sync, "in sync", 30)
    seconds = time.monotonic() - began
    print(f"{PODS} pods and {POLICIES} policies in sync after {seconds:.2f} s")  # noqa: T201 - a measure for the reader
    held = {name: kind.held for name, kind in datastore.status().kinds.items() if kind.held > 1}
    assert held == {"pods": OURS, "networkpolicies": POLICIES // 2, "kubernetesnetworkpolicies": POLICIES // 2}
    assert seconds < 5


@pytest.mark.slow
def test_memory_of_the_service_stays_within_bounds(api: ApiServer, tmp_path: Path) -> None:
    api.store.put(*large_cluster())
    endpoints = [
        Endpoint(
            veth_name(f"ns-{n % 9}", f"pod-{n}"), example_endpoint(Era.B).ingress, (), kubernetes_profiles("default")
        )
        for n in range(OURS)
    ]
    (tmp_path / "rules").write_text(render(Node(Era.B, tuple(endpoints)), IPVersion.V4).dump())
    env = {"K8S_API_ENDPOINT": api.url, "NODENAME": "node-1"}
    with Service(env, "--ruleset", str(tmp_path / "rules")) as service:
        service.start()
        for _ in range(3):
            service.scrape()
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        sizes = {key: int(size) / 1024 for key, size in re.findall(r"(VmHWM|VmRSS):\s+(\d+) kB", status)}
        print(f"resident {sizes['VmRSS']:.0f} MB, at most {sizes['VmHWM']:.0f} MB")  # noqa: T201 - the same
        assert sizes["VmHWM"] < 80
