"""Host endpoints in every datastore: read where they are asked for, and not asked for elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import HostEndpoint
from otel_calico.datastores.file_datastore import FileDatastore
from tests.node.etcd import Etcd
from tests.node.programs import wait_until

from .cluster import policy
from .conftest import Follow

KIND = "hostendpoints"
UPLINK = HostEndpoint("uplink", "node-1", "eth0", ("10.1.0.1",))
AUTO = HostEndpoint("node-1-auto-hep", "node-1", "*")


def resource(endpoint: HostEndpoint, node: str = "node-1") -> Any:
    return {
        "kind": "HostEndpoint",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": endpoint.name, "labels": {"role": "edge"}},
        "spec": {"node": node, "interfaceName": endpoint.interface, "expectedIPs": list(endpoint.addresses)},
    }


@pytest.mark.slow
def test_etcds_host_endpoints_of_this_node_are_looked_up_as_they_come_and_go(
    etcd: Etcd, lookups: Lookups, follow: Follow
) -> None:
    etcd.put(f"{KIND}/uplink", resource(UPLINK))
    etcd.put(f"{KIND}/a-far-one", resource(UPLINK, "node-2"))
    datastore = follow(etcd.access, lookups, host_endpoints=True)
    wait_until(lambda: all(kind.connected for kind in datastore.status().kinds.values()))
    assert (lookups.host_endpoint("eth0"), lookups.host_endpoint("*")) == (UPLINK, None)
    etcd.put(f"{KIND}/node-1-auto-hep", resource(AUTO))
    wait_until(lambda: lookups.host_endpoint("*") == AUTO)
    etcd.delete(f"{KIND}/uplink")
    wait_until(lambda: lookups.host_endpoint("eth0") is None)


@pytest.mark.slow
def test_etcd_is_not_asked_for_host_endpoints_that_nobody_wants(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(f"{KIND}/uplink", resource(UPLINK))
    datastore = follow(etcd.access, lookups)
    wait_until(lambda: datastore.status().in_sync)
    assert KIND not in datastore.status().kinds
    assert lookups.host_endpoint("eth0") is None


OBJECTS = (resource(UPLINK), policy("GlobalNetworkPolicy", "default.guard"))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        yaml.safe_dump_all({**one, "apiVersion": "crd.projectcalico.org/v1"} for one in OBJECTS),
        "".join(
            f"/calico/resources/v3/projectcalico.org/{key}\n{json.dumps(one)}\n"
            for key, one in zip(("hostendpoints/uplink", "globalnetworkpolicies/default.guard"), OBJECTS, strict=True)
        ),
    ],
    ids=["calicoctl", "kubectl", "etcdctl"],
)
def test_a_files_host_endpoints_are_looked_up(text: str, lookups: Lookups, tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_text(text)
    FileDatastore(str(file), "node-1", "cali", lookups).start()
    assert lookups.host_endpoint("eth0") == UPLINK
