"""Least privilege: all works with config/kubernetes-rbac.yaml, each grant of it is needed, and what lacks is named."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_calico.calico.lookups import Lookups
from tests.datastores.watching import connected
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.handler import USER
from tests.kubernetes.objects import calico, pod
from tests.node.programs import wait_until

FILE = Path(__file__).parents[2] / "config" / "kubernetes-rbac.yaml"
DOCUMENTS: list[Any] = list(yaml.safe_load_all(FILE.read_text()))
RULES: list[Any] = next(one for one in DOCUMENTS if one["kind"] == "ClusterRole")["rules"]
GRANTS = {
    (verb, resource, group)
    for rule in RULES
    for verb in rule["verbs"]
    for resource in rule["resources"]
    for group in rule["apiGroups"]
}


def without(verb: str, resource: str, group: str) -> list[Any]:
    rules = copy.deepcopy(RULES)
    for rule in rules:
        if group in rule["apiGroups"] and resource in rule["resources"]:
            rule["resources"].remove(resource)
            others = [one for one in rule["verbs"] if one != verb]
            rules.append({"apiGroups": [group], "resources": [resource], "verbs": others})
            break
    return rules


def test_the_account_the_role_and_the_binding_belong_together() -> None:
    account, role, binding = DOCUMENTS
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": "otel-calico"}
    assert binding["subjects"] == [{"kind": account["kind"], **account["metadata"]}]
    assert role["metadata"]["name"] == "otel-calico"


def test_the_role_grants_what_is_asked_for_and_nothing_else(api: ApiServer, follow: Follow) -> None:
    api.behaviour.rules = RULES
    for groups in ({"crd.projectcalico.org"}, {"projectcalico.org"}):
        api.behaviour.groups = {"networking.k8s.io", "policy.networking.k8s.io"} | groups
        connected(follow(api.url, Lookups(), host_endpoints=True))
    asked = {(one.verb, *one.resource.partition(".")[::2]) for one in api.asked if one.verb != "get"}
    assert asked == GRANTS
    assert {one.status for one in api.asked if one.verb != "get"} == {200}


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize(
    ("kind", "resource", "group"),
    [
        ("pods", "pods", ""),
        ("kubernetesnetworkpolicies", "networkpolicies", "networking.k8s.io"),
        ("globalnetworkpolicies", "globalnetworkpolicies", "crd.projectcalico.org"),
        ("adminnetworkpolicies", "adminnetworkpolicies", "policy.networking.k8s.io"),
    ],
)
def test_a_missing_grant_is_named_and_the_other_kinds_work(
    api: ApiServer, follow: Follow, *, verb: str, kind: str, resource: str, group: str
) -> None:
    lookups = Lookups()
    api.store.put(pod("web"), calico("GlobalNetworkPolicy", "security"))
    api.behaviour.rules = without(verb, resource, group)
    datastore = follow(api.url, lookups)
    name = f"{resource}.{group}" if group else resource
    expected = (
        f"{api.url}: the API server forbids {USER} to {verb} {name} (403): grant the verb {verb} on {name}, "
        "as config/kubernetes-rbac.yaml does"
    )
    wait_until(lambda: datastore.status().kinds[kind].last_error == expected, expected)
    others = {name: state for name, state in datastore.status().kinds.items() if name != kind}
    wait_until(lambda: all(datastore.status().kinds[name].connected for name in others), "the other kinds")
    assert datastore.status().kinds[kind].in_sync == (verb == "watch")
    api.behaviour.rules = RULES
    connected(datastore)
    assert (len(tuple(lookups.interfaces())), len(lookups.held("globalnetworkpolicies"))) == (1, 1)
