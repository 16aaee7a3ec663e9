"""Whatever the values, the chart makes manifests that Kubernetes takes, with the rights it needs and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml

from otel_calico.config import load
from scripts import chart as generated
from tests.chart.pod_security import rights
from tests.chart.release import CASES, CHART, documented_keys, manifests, only, pods

VERSIONS = ("1.25", kubernetes_validate.latest_version())
"""Kubernetes releases whose schemas are checked: the oldest there is, and the newest."""

CUSTOM = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "schemas").glob("*.json")}
NEEDED = {
    "hostNetwork": "the rules to read are those of the host's network namespace",
    "root": "the kernel shows rules to uid 0 only",
    "capability NET_ADMIN": "the same",
    "capability NET_RAW": "the same",
    "reads /run/xtables.lock of the host": "to read apart from writers of legacy tables",
}
ONLY_WITH = {
    "etcd-tls": {"reads /var/lib/calico of the host"},
    "etcd-from-calico": {"reads /var/lib/calico of the host"},
    "kubernetes": {
        "reads /sys/fs/bpf of the host",
        "reads /var/run/calico of the host",
        "capability BPF",
        "capability DAC_READ_SEARCH",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_accepts_every_manifest(case: str, version: str) -> None:
    for manifest in manifests(CASES[case]):
        if manifest["kind"] in CUSTOM:
            jsonschema.validate(manifest, CUSTOM[manifest["kind"]])
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_each_custom_resource_is_rendered_by_some_case() -> None:
    kinds = {manifest["kind"] for values in CASES.values() for manifest in manifests(values)}
    assert set(CUSTOM) <= kinds


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_complain_about(case: str) -> None:
    report = helm.lint(CHART, values=CASES[case], strict=True, namespace="otel-calico")
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("case", CASES)
def test_the_service_has_the_rights_it_needs_and_its_test_has_none(case: str) -> None:
    service, *tests = pods(manifests(CASES[case]))
    assert rights(service) == set(NEEDED) | ONLY_WITH.get(case, set())
    assert [rights(pod) for pod in tests] == [set() for _ in tests]


def test_the_account_may_do_what_the_published_role_grants() -> None:
    published = yaml.safe_load_all((generated.ROOT / "config" / "kubernetes-rbac.yaml").read_text())
    assert only("ClusterRole", manifests())["rules"] == only("ClusterRole", list(published))["rules"]


def test_without_policies_the_account_may_not_read_them() -> None:
    role = only("ClusterRole", manifests({"config": {"datastore": {"policies": "never"}}}))
    granted = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert granted == {"pods", "clusterinformations", "hostendpoints"}


@pytest.mark.parametrize("case", ["etcd-tls", "etcd-from-calico"])
def test_with_etcd_the_pod_has_no_access_to_the_api_server(case: str) -> None:
    rendered = manifests(CASES[case])
    assert {"ClusterRole", "ClusterRoleBinding"}.isdisjoint(one["kind"] for one in rendered)
    assert [pod["automountServiceAccountToken"] for pod in pods(rendered)] == [False, False]


@pytest.mark.parametrize("case", CASES)
def test_the_service_accepts_the_settings_file_and_knows_its_datastore(case: str, tmp_path: Path) -> None:
    rendered = manifests(CASES[case])
    (text,) = (one["data"]["otel-calico.yaml"] for one in rendered if "otel-calico.yaml" in one.get("data", {}))
    file = tmp_path / "otel-calico.yaml"
    file.write_text(text)
    settings = load({"NODENAME": "node-1", "ETCD_ENDPOINTS": "http://etcd:2379"}, file=file)
    given = CASES[case].get("config", {})
    assert settings.datastore.type == given.get("datastore", {}).get("type", "kubernetes")
    assert settings.prometheus.port == given.get("prometheus", {}).get("port", 9009)
    assert settings.metrics.series_limit == given.get("metrics", {}).get("series_limit", 0)


def test_pods_run_on_every_node_and_start_anew_when_settings_change() -> None:
    def template(values: dict[str, Any]) -> Any:
        return only("DaemonSet", manifests(values))["spec"]["template"]

    changed = {"config": {"metrics": {"minimum_counter": 3}}}
    assert template({})["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert template({})["spec"]["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert template({})["metadata"]["annotations"] != template(changed)["metadata"]["annotations"]


def test_two_releases_share_nothing() -> None:
    def names(name: str, namespace: str) -> set[tuple[str, str, str]]:
        rendered = manifests(CASES["monitored"], name, namespace)
        return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in rendered}

    one = names("otel-calico", "otel-calico")
    assert one.isdisjoint(names("otel-calico", "kube-system"))
    assert one.isdisjoint(names("second", "otel-calico"))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "otel-calico:0.1.0"),
        ({"registry": "registry.example.com/team"}, "registry.example.com/team/otel-calico:0.1.0"),
        ({"repository": "mirror/calico", "tag": "1.2"}, "mirror/calico:1.2"),
        ({"digest": "sha256:" + "0" * 64}, "otel-calico:0.1.0@sha256:" + "0" * 64),
    ],
)
def test_the_image_is_named_as_the_values_say(image: dict[str, str], expected: str) -> None:
    used = {container["image"] for pod in pods(manifests({"image": image})) for container in pod["containers"]}
    assert used == {expected}


def test_what_is_generated_around_the_chart_is_up_to_date() -> None:
    assert (generated.SCHEMA.read_text(), generated.MANIFEST.read_text()) == (generated.schema(), generated.manifest())


def test_the_plain_manifest_is_what_the_chart_renders() -> None:
    space, *plain = yaml.safe_load_all(generated.MANIFEST.read_text())
    rendered = [one for one in manifests() if one["kind"] != "Pod"]
    for manifest in rendered:
        for metadata in (manifest["metadata"], manifest.get("spec", {}).get("template", {}).get("metadata", {})):
            for label in ("app.kubernetes.io/managed-by", "helm.sh/chart"):
                metadata.get("labels", {}).pop(label, None)
    assert sorted(plain, key=str) == sorted(rendered, key=str)
    assert space["metadata"]["name"] == only("DaemonSet", plain)["metadata"]["namespace"]


def test_every_value_is_in_the_schema_and_every_one_of_the_schema_in_the_values() -> None:
    schema = json.loads(generated.SCHEMA.read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    for name in ("image", "etcd", "otlp", "web", "serviceAccount", "priorityClass", "service", "networkPolicy"):
        declared = schema["properties"][name]
        assert set(declared["properties"]) == set(values[name]), name
        assert declared["additionalProperties"] is False
    assert "config.prometheus.port" in documented_keys(values)


@pytest.mark.parametrize(
    ("values", "file"), [({}, "/run/xtables.lock"), ({"config": {"iptables": {"lock_file": "/run/x"}}}, "/run/x")]
)
def test_the_lock_that_is_read_is_the_hosts(values: dict[str, Any], file: str) -> None:
    pod = only("DaemonSet", manifests(values))["spec"]["template"]["spec"]
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "xtables-lock")
    (volume,) = (one for one in pod["volumes"] if one["name"] == "xtables-lock")
    assert (mount["mountPath"], volume["hostPath"]["path"]) == (file, file)
