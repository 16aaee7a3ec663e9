"""One state, whether it is read from etcd, from the API or from a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_calico.calico.chains import POLICY_PREFIXES, IdScheme, chain_name, policy_id, veth_name
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Policy, PolicyKind
from otel_calico.calico.policy_names import canonical, from_policy
from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore
from otel_calico.datastores.file_datastore import FileDatastore
from tests.datastores.watching import NODE, QUICK
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.objects import (
    Object,
    calico,
    changed,
    cluster_information,
    kubernetes_policy,
    pod,
)
from tests.kubernetes.store import key_of, resource_of
from tests.node.etcd import PREFIX, Etcd
from tests.node.programs import wait_until

INGRESS = POLICY_PREFIXES[Direction.INGRESS]


def state(scheme: IdScheme) -> list[Object]:
    """A cluster as the API shows it. Stored names of Calico's policies are bare since v3.32."""
    stored = "" if scheme is IdScheme.KIND_NAME else "default."
    version = {IdScheme.NAME: "v3.25.0", IdScheme.TIER_NAME: "v3.30.2", IdScheme.KIND_NAME: "v3.32.1"}[scheme]
    return [
        pod("web-1", ip="10.0.0.1"),
        pod("web-2", ip="10.0.0.2", app="front"),
        pod("far", node="node-2", ip="10.0.1.1"),
        changed(pod("two", ip="10.0.0.3"), status={"podIPs": [{"ip": "10.0.0.3"}, {"ip": "fd00::3"}]}),
        kubernetes_policy("allow-web"),
        kubernetes_policy("default-deny", "default"),
        calico("NetworkPolicy", f"{stored}allow-web", "shop", order=10, tier="default"),
        calico("GlobalNetworkPolicy", f"{stored}deny-all", tier="default"),
        calico("GlobalNetworkPolicy", "security.guard", tier="security", order=1.5),
        calico("Tier", "security", order=50, defaultAction="Pass"),
        calico("Tier", "default", order=1e6),
        cluster_information(version),
    ]


def etcd_entries(objects: Iterable[Object]) -> dict[str, Object]:
    """The same cluster as Calico keeps it in etcd: endpoints by its CNI plugin, policies copied by kube-controllers."""
    entries = {}
    for one in objects:
        metadata, spec = one["metadata"], one["spec"]
        if one["kind"] == "Pod":
            name = f"{spec['nodeName'].replace('-', '--')}-k8s-{metadata['name'].replace('-', '--')}-eth0"
            labels = {
                **metadata["labels"],
                "projectcalico.org/namespace": metadata["namespace"],
                "projectcalico.org/orchestrator": "k8s",
            }
            addresses = [address["ip"] for address in one["status"]["podIPs"]]
            entries[f"workloadendpoints/{metadata['namespace']}/{name}"] = {
                "metadata": {"name": name, "namespace": metadata["namespace"], "labels": labels},
                "spec": {
                    "node": spec["nodeName"],
                    "pod": metadata["name"],
                    "interfaceName": veth_name(metadata["namespace"], metadata["name"]),
                    "ipNetworks": [f"{ip}/{128 if ':' in ip else 32}" for ip in addresses],
                },
            }
        elif one["apiVersion"] == "networking.k8s.io/v1":
            key = f"networkpolicies/{metadata['namespace']}/knp.default.{metadata['name']}"
            entries[key] = {"metadata": metadata, "spec": {"order": 1000}}
        else:
            entries[f"{resource_of(one).partition('.')[0]}/{key_of(one)}"] = one
    return entries


def view(lookups: Lookups, programmed: Iterable[Policy], scheme: IdScheme) -> Any:
    """What scans of a node see whose Felix has programmed these policies."""
    named = {}
    for policy in programmed:
        found = lookups.policy(chain_name(INGRESS, policy_id(policy, scheme)), scheme)
        name = found and canonical(from_policy(found))
        named[canonical(from_policy(policy)).name] = name
    endpoints = {name: lookups.endpoint(name) for name in lookups.interfaces()}
    return endpoints, named


def programmed(entries: Mapping[str, Object], kinds: Mapping[str, PolicyKind]) -> list[Policy]:
    """What a Felix programs that reads entries by `PLURAL/KEY`."""
    found = []
    for path, one in entries.items():
        plural, _, key = path.partition("/")
        if plural in kinds:
            namespace, _, name = key.rpartition("/")
            found.append(Policy(kinds[plural], namespace, name, one["spec"].get("tier") or "default"))
    return found


CALICO_KINDS = {
    "networkpolicies": PolicyKind.NETWORK_POLICY,
    "globalnetworkpolicies": PolicyKind.GLOBAL_NETWORK_POLICY,
}
CLUSTER_KINDS = {
    "networkpolicies.networking.k8s.io": PolicyKind.KUBERNETES_NETWORK_POLICY,
    **{f"{plural}.crd.projectcalico.org": kind for plural, kind in CALICO_KINDS.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", IdScheme, ids=lambda scheme: scheme.value)
def test_one_state_written_three_ways_gives_equal_lookups(
    api: ApiServer, follow: Follow, tmp_path: Path, scheme: IdScheme
) -> None:
    objects = state(scheme)
    entries = etcd_entries(objects)
    in_etcd = programmed(entries, CALICO_KINDS)
    in_cluster = programmed({f"{resource_of(one)}/{key_of(one)}": one for one in objects}, CLUSTER_KINDS)

    by_api = Lookups()
    api.store.put(*objects)
    datastore = follow(api.url, by_api)
    wait_until(lambda: datastore.status().in_sync, "the API is in sync")
    expected = view(by_api, in_cluster, scheme)
    assert len(expected[0]) == 3
    assert all(expected[1].values())

    by_etcd = Lookups()
    with Etcd().start() as etcd:
        etcd.put_all(entries)
        following = EtcdDatastore(etcd.access, NODE, "cali", by_etcd, QUICK)
        following.start()
        try:
            wait_until(lambda: following.status().in_sync, "etcd is in sync")
        finally:
            following.stop()
    assert view(by_etcd, in_etcd, scheme) == expected

    kubectl = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": objects})
    etcdctl = "\n".join(f"{PREFIX}{key}\n{json.dumps(value)}" for key, value in entries.items())
    for text, felix in ((kubectl, in_cluster), (etcdctl, in_etcd)):
        by_file, file = Lookups(), tmp_path / "export"
        file.write_text(text)
        FileDatastore(str(file), NODE, "cali", by_file).start()
        assert view(by_file, felix, scheme) == expected
