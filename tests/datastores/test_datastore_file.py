"""The file datastore: every shape of export gives the same lookups, and a wrong file a clear error."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Policy, PolicyKind, WorkloadEndpoint
from otel_calico.datastores.datastore import Datastore, DatastoreError, NoDatastore
from otel_calico.datastores.file_datastore import FileDatastore
from otel_calico.datastores.status import KindStatus

from .cluster import cluster_information, endpoint, endpoint_key, policy
from .test_decode import pod

ENDPOINT = endpoint("web-1", "cali1")
STORED = policy("NetworkPolicy", "default.allow-web", "shop")
VISIBLE = policy("NetworkPolicy", "allow-web", "shop")
TIER = {"kind": "Tier", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "security"}, "spec": {"order": 50}}
OBJECTS = [ENDPOINT, VISIBLE, TIER]
WITHOUT_KIND = {key: value for key, value in ENDPOINT.items() if key not in ("kind", "apiVersion")}


WAYS: dict[str, Callable[[str], bytes]] = {
    "as printed": str.encode,
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "UTF-16 of Windows": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "quoted": lambda text: "".join(f"> {line}\n" for line in text.splitlines()).encode(),
    "Markdown": lambda text: f"Hi,\n\n```yaml\n{text.rstrip()}\n```\n\nand nothing else\n".encode(),
    "a transcript": lambda text: (
        f"root@node1:~# kubectl get pods -o yaml\n{text.rstrip()}\n[root@node1 ~]# \nroot@node1:~# exit\n".encode()
    ),
    "a command and its output": lambda text: f"$ calicoctl get wep -o yaml\n{text.rstrip()}\n$\n".encode(),
}


def as_list(kind: str, items: Sequence[Any]) -> Any:
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items}


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2)


SHAPES = {
    "array in JSON": json_text(OBJECTS),
    "array in YAML": yaml.safe_dump(OBJECTS),
    "kubectl list": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": OBJECTS}),
    "YAML documents": yaml.safe_dump_all([None, *OBJECTS], explicit_start=True),
    "JSON values in a row": "\n".join(json_text(one) for one in OBJECTS),
    "calicoctl lists": yaml.safe_dump_all([as_list(f"{one['kind']}List", [one]) for one in OBJECTS]),
    "items without kind": yaml.safe_dump_all([as_list("WorkloadEndpointList", [WITHOUT_KIND]), *OBJECTS[1:]]),
    "array of lists": json_text([as_list("List", OBJECTS[:2]), OBJECTS[2]]),
    "JSON with a byte order mark": "\ufeff" + json_text(OBJECTS),
    "etcdctl": "\n".join(
        f"/calico/resources/v3/projectcalico.org/{key}\n{json.dumps(value)}"
        for key, value in [
            (endpoint_key("web-1"), ENDPOINT),
            ("networkpolicies/shop/default.allow-web", STORED),
            ("nodes/node-1", {"kind": "Node"}),
            ("tiers/security", TIER),
        ]
    ),
}

Load = Callable[[str], tuple[FileDatastore, Lookups]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def loaded(text: str, node_name: str | None = None) -> tuple[FileDatastore, Lookups]:
        file, lookups = tmp_path / "export", Lookups()
        file.write_text(text)
        datastore = FileDatastore(str(file), node_name, "cali", lookups)
        datastore.start()
        return datastore, lookups

    return loaded


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_export_is_understood(shape: str, load: Load) -> None:
    datastore, lookups = load(SHAPES[shape])
    assert {name: lookups.endpoint(name) for name in lookups.interfaces()} == {
        "cali1": WorkloadEndpoint("cali1", "shop", "web-1", ("10.0.0.7",), ENDPOINT["metadata"]["labels"])
    }
    stored = Policy(PolicyKind.NETWORK_POLICY, "shop", "default.allow-web")
    assert lookups.policy("cali-pi-_Hs_N3uwH_2l4fuHH0LQ", IdScheme.NAME) == stored
    assert lookups.policy("cali-po-_Wnek3fb74yqWDiVSXjK", IdScheme.TIER_NAME) == stored
    assert lookups.policy("cali-po-_cIsgqKoIC0Rj9xMb85G", IdScheme.KIND_NAME) == stored
    one = KindStatus(in_sync=True, connected=True, held=1)
    assert datastore.status().kinds == {"workloadendpoints": one, "networkpolicies": one}
    assert datastore.status().in_sync


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_export_says_the_same_however_it_was_mailed(shape: str, way: str, tmp_path: Path) -> None:
    file, lookups = tmp_path / "export", Lookups()
    file.write_bytes(WAYS[way](SHAPES[shape]))
    FileDatastore(str(file), None, "cali", lookups).start()
    assert tuple(lookups.interfaces()) == ("cali1",)
    stored = Policy(PolicyKind.NETWORK_POLICY, "shop", "default.allow-web")
    assert lookups.policy("cali-pi-_Hs_N3uwH_2l4fuHH0LQ", IdScheme.NAME) == stored


def test_a_kubernetes_export_of_mixed_kinds(load: Load) -> None:
    objects = [
        pod() | {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a", "namespace": "shop"}},
        STORED | {"apiVersion": "crd.projectcalico.org/v1"},
        cluster_information("v3.28.2") | {"apiVersion": "crd.projectcalico.org/v1"},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}},
    ]
    datastore, lookups = load(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": objects}))
    found = lookups.endpoint("calid4242b28b9e")
    assert found is not None
    assert found.addresses == ("192.168.12.7", "fd00::7")
    kubernetes = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "shop", "a")
    assert lookups.policy("cali-pi-knp/shop/a", IdScheme.KIND_NAME) == kubernetes
    assert len(lookups.held("networkpolicies")) == 1  # a stored name needs no guessing
    assert set(datastore.status().kinds) == {
        "pods",
        "kubernetesnetworkpolicies",
        "networkpolicies",
        "clusterinformations",
    }


def test_the_name_that_the_release_stores_wins_over_a_guess(load: Load) -> None:
    foo, default_foo = (
        policy("GlobalNetworkPolicy", "foo", tier="one"),
        policy("GlobalNetworkPolicy", "default.foo", tier="two"),
    )
    for version, winner in (("v3.28.1", "one"), ("v3.32.0", "two")):
        cluster = cluster_information(version) | {"apiVersion": "projectcalico.org/v3"}
        for objects in ([foo, default_foo, cluster], [cluster, default_foo, foo]):
            _, lookups = load(json_text(objects))
            found = lookups.policy("cali-pi-default.foo", IdScheme.NAME)
            assert found is not None
            assert found.tier == winner


def test_an_invalid_object_is_counted_and_left_out(load: Load) -> None:
    broken = {**VISIBLE, "metadata": {"name": "broken", "namespace": "shop"}, "spec": {"tier": 1}}
    datastore, lookups = load(json_text([*OBJECTS, broken]))
    expected = KindStatus(in_sync=True, connected=True, held=1, decode_failures=1)
    assert datastore.status().kinds["networkpolicies"] == expected
    assert lookups.policy("cali-pi-np/shop/broken", IdScheme.KIND_NAME) is None


def test_a_node_name_leaves_other_nodes_out(tmp_path: Path) -> None:
    file, lookups = tmp_path / "export", Lookups()
    file.write_text(json_text([ENDPOINT, endpoint("far", "cali2", node="node-2")]))
    FileDatastore(str(file), "node-2", "cali", lookups).start()
    assert list(lookups.interfaces()) == ["cali2"]


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(OBJECTS).encode())))
    lookups = Lookups()
    FileDatastore("-", None, "cali", lookups).start()
    assert list(lookups.interfaces()) == ["cali1"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "holds no workloads and no policies; export one with `kubectl get pods,"),
        (b"just words", "holds no workloads and no policies"),
        (
            b"# Generated by iptables-save v1.8.9\n*filter\n",
            "looks like the output of iptables-save; give that as --rule",
        ),
        (b"a: [1\nb: }", r"is neither YAML nor JSON \(line 2\); export one with"),
        (b'{"kind": "List", ', "is neither YAML nor JSON"),
        (b"&a [*a]", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "is not text"),
        (b"PK\x03\x04 and more", "is a zip archive: unpack it, and give the file that it holds"),
        (b"d: 2024-13-45", "is neither YAML nor JSON"),
    ],
)
def test_a_wrong_file_is_told(content: bytes, error: str, tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(content)
    with pytest.raises(DatastoreError, match=error):
        FileDatastore(str(file), None, "cali", Lookups()).start()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(DatastoreError, match=f"^cannot read {path}: {reason}$"):
            FileDatastore(str(path), None, "cali", Lookups()).start()


def test_no_datastore_is_always_in_sync() -> None:
    datastore: Datastore = NoDatastore()
    datastore.start()
    datastore.stop()
    assert datastore.status().in_sync
    assert datastore.status().unready_reasons == ()
