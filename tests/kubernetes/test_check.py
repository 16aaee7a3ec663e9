"""`check` with the Kubernetes datastore: what may not be read is named with its verb, and how to grant it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.handler import USER
from tests.kubernetes.objects import pod
from tests.kubernetes.test_rbac import without


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_missing_grant_is_a_finding(api: ApiServer, verb: str) -> None:
    api.behaviour.rules = without(verb, "globalnetworkpolicies", "crd.projectcalico.org")
    api.store.put(pod("web"))
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "K8S_API_ENDPOINT": api.url, "NODENAME": "node-1"}
    env["OTEL_CALICO_DATASTORE_POLICIES"] = "always"
    command = [sys.executable, "-m", "otel_calico", "check"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    resource = "globalnetworkpolicies.crd.projectcalico.org"
    assert done.returncode == 1, done.stderr
    said = done.stdout.splitlines()
    forbidden = f"{api.url}: the API server forbids {USER} to {verb} {resource} (403)"
    finding = f"fail  datastore          globalnetworkpolicies: {forbidden}: grant the verb {verb} on {resource}"
    place = said.index(f"{finding}, as config/kubernetes-rbac.yaml does")
    remedy = "kubectl apply -f config/kubernetes-rbac.yaml, and give the pod its service account"
    assert said[place + 1].strip() == f"→ {remedy}"
    assert [line for line in said if line.startswith("ok    datastore")] == [
        "ok    datastore          pods: 1 held",
        *(f"ok    datastore          {kind}: 0 held" for kind in OTHERS),
        "ok    datastore          hostendpoints: not watched, needed for the metrics family workload only",
    ]
    assert {one.verb for one in api.asked if one.status == 403} == {verb}


OTHERS = (
    "clusterinformations",
    "kubernetesnetworkpolicies",
    "adminnetworkpolicies",
    "baselineadminnetworkpolicies",
    "clusternetworkpolicies",
    "networkpolicies",
)
