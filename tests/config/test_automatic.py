"""What is decided when nobody decided it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_calico.config import load


@pytest.mark.parametrize(
    ("environ", "in_file", "name", "source"),
    [
        ({"NODENAME": " Worker-1 \n", "HOSTNAME": "pod"}, "other", "Worker-1", "environment NODENAME"),
        ({"NODENAME": " ", "HOSTNAME": "pod"}, "Worker-1", "Worker-1", "file {file}"),
        ({"HOSTNAME": " Pod "}, None, "pod", "environment HOSTNAME"),
        ({"HOSTNAME": " Pod "}, "", "pod", "environment HOSTNAME"),
        ({"HOSTNAME": " "}, None, "kernel-host", "host name"),
    ],
)
def test_the_node_name_follows_calico_nodes_order(
    environ: dict[str, str], in_file: str | None, name: str, source: str, tmp_path: Path
) -> None:
    file = tmp_path / "nodename"
    if in_file is not None:
        file.write_text(in_file)
    node = load(environ | {"CALICO_NODENAME_FILE": str(file)}, hostname=lambda: "Kernel-Host").node
    assert (node.name, node.name_source) == (name, source.format(file=file))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "kubernetes"),
        ({"ETCD_ENDPOINTS": "http://e:2379"}, "etcdv3"),
        ({"ETCD_DISCOVERY_SRV": "example.org"}, "kubernetes"),
        ({"DATASTORE_TYPE": "kubernetes", "ETCD_ENDPOINTS": "http://e:2379"}, "kubernetes"),
        ({"DATASTORE_TYPE": "etcdv3", "ETCD_DISCOVERY_SRV": "example.org"}, "etcdv3"),
        ({"DATASTORE_TYPE": "etcdv3", "OTEL_CALICO_DATASTORE_FILE": "-"}, "file"),
    ],
)
def test_the_datastore_is_etcd_if_endpoints_are_set(environ: dict[str, str], expected: str) -> None:
    assert load(environ).datastore.type == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("prometheus",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ("prometheus",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("prometheus", "otlp")),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, ("prometheus", "otlp")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "prometheus"}, ("prometheus",)),
        ({"OTEL_METRICS_EXPORTER": "none"}, ("none",)),
    ],
)
def test_otlp_is_on_as_soon_as_an_endpoint_is_set(environ: dict[str, str], expected: tuple[str, ...]) -> None:
    assert load(environ).telemetry.exporters == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "otel-calico"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a"}, "a"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"}, "b"),
    ],
)
def test_the_service_name_follows_the_specification(environ: dict[str, str], expected: str) -> None:
    assert load(environ).telemetry.service_name == expected


def test_etcd_user_and_password_count_only_together() -> None:
    assert load({"ETCD_USERNAME": "u"}).etcd.username == ""
    assert load({"ETCD_PASSWORD": "p"}).etcd.password == ""


def test_the_users_kubeconfig_counts_if_no_other_api_server_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".kube" / "config"
    file.parent.mkdir()
    file.write_text("")
    environ = {"HOME": str(tmp_path)}
    assert load(environ).kubernetes.kubeconfig == str(file)
    assert load(environ | {"K8S_API_ENDPOINT": "https://k:6443"}).kubernetes.kubeconfig == ""
    assert load({"HOME": str(tmp_path / "nobody")}).kubernetes.kubeconfig == ""


@pytest.mark.parametrize(
    ("environ", "protocol", "url"),
    [
        ({}, "http/protobuf", "http://localhost:4318/v1/metrics"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc", "http://localhost:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, "grpc", "http://c:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317"}, "grpc", "c:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/otlp/"}, "http/protobuf", "http://c/otlp/v1/metrics"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/m"}, "http/protobuf", "http://c/m"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, "http/protobuf", "http://c:4318"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"},
            "http/protobuf",
            "http://localhost:4318/v1/metrics",
        ),
    ],
)
def test_the_protocol_follows_the_endpoints_port(environ: dict[str, str], protocol: str, url: str) -> None:
    otlp = load(environ).otlp
    assert (otlp.protocol, otlp.metrics_url) == (protocol, url)
