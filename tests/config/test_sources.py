"""Where a setting's value comes from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from otel_calico.config import OPTIONS, OtlpEndpoint, Settings, load

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

# A text that each key takes and that differs from its default, with the value it stands for.
EXAMPLES: dict[str, tuple[str, Any]] = {
    "node.name": ("worker-1", "worker-1"),
    "node.name_file": ("/run/nodename", "/run/nodename"),
    "node.interface_prefix": ("eni,veth", "eni"),
    "datastore.type": ("Kubernetes", "kubernetes"),
    "datastore.file": ("-", "-"),
    "datastore.config_file": ("{calico}", "{calico}"),
    "etcd.endpoints": ("https://a:2379, b:2379", ("https://a:2379", "b:2379")),
    "etcd.discovery_srv": ("example.org", "example.org"),
    "etcd.username": ("u", "u"),
    "etcd.password": (" p#:0123", " p#:0123"),
    "etcd.ca_cert_file": ("{file}", "{file}"),
    "etcd.cert_file": ("{file}", "{file}"),
    "etcd.key_file": ("{file}", "{file}"),
    "etcd.ca_cert": (PEM, PEM),
    "etcd.cert": (PEM, PEM),
    "etcd.key": (PEM, PEM),
    "kubernetes.kubeconfig": ("/a:/b", "/a:/b"),
    "kubernetes.kubeconfig_inline": ("apiVersion: v1", "apiVersion: v1"),
    "kubernetes.current_context": ("prod", "prod"),
    "kubernetes.api_endpoint": ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
    "kubernetes.api_token": ("abc", "abc"),
    "kubernetes.token_file": ("{file}", "{file}"),
    "kubernetes.ca_file": ("{file}", "{file}"),
    "kubernetes.cert_file": ("{file}", "{file}"),
    "kubernetes.key_file": ("{file}", "{file}"),
    "kubernetes.insecure_skip_tls_verify": ("1", True),
    "kubernetes.client_qps": ("2.5", 2.5),
    "kubernetes.client_burst": ("7", 7),
    "kubernetes.api_group": ("Projectcalico.org/v3", "projectcalico.org/v3"),
    "iptables.backend": ("NFT", "nft"),
    "iptables.nftables_mode": ("enabled", "Enabled"),
    "iptables.ruleset_file": ("{file}", "{file}"),
    "ebpf.state_directory": ("{directory}", "{directory}"),
    "iptables.lock_file": ("/run/other.lock", "/run/other.lock"),
    "iptables.lock_wait": ("500ms", 0.5),
    "iptables.time_limit": ("1m", 60.0),
    "metrics.families": ("policy", ("policy",)),
    "metrics.app_labels": ("k8s-app, app", ("k8s-app", "app")),
    "metrics.minimum_counter": ("100", 100),
    "metrics.freshness": ("0", 0.0),
    "prometheus.port": ("9100", 9100),
    "prometheus.address": ("[::1]", "::1"),
    "prometheus.naming": ("opentelemetry", "opentelemetry"),
    "web.config_file": ("{file}", "{file}"),
    "web.page": ("off", False),
    "telemetry.disabled": ("TRUE", True),
    "telemetry.exporters": ("otlp,console", ("otlp", "console")),
    "telemetry.service_name": ("calico", "calico"),
    "telemetry.resource_attributes": ("a=b%20c,d=", (("a", "b c"), ("d", ""))),
    "otlp.endpoint": ("http://c:4318", OtlpEndpoint("http://c:4318")),
    "otlp.protocol": ("grpc", "grpc"),
    "otlp.temporality": ("DELTA", "delta"),
    "otlp.interval": ("15s", 15.0),
    "otlp.timeout": ("2.5", 2.5),
    "otlp.request_timeout": ("500ms", 0.5),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
}
# What else a key needs to stand without contradiction.
COMPANIONS = {
    "etcd.username": {"etcd.password": "p"},
    "etcd.password": {"etcd.username": "u"},
    "etcd.cert_file": {"etcd.key_file": "{file}"},
    "etcd.key_file": {"etcd.cert_file": "{file}"},
    "etcd.cert": {"etcd.key": PEM},
    "etcd.key": {"etcd.cert": PEM},
    "kubernetes.cert_file": {"kubernetes.key_file": "{file}"},
    "kubernetes.key_file": {"kubernetes.cert_file": "{file}"},
}
# Variables whose text means something else than that of our own.
FOREIGN_EXAMPLES = {
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": ("http://c:4318/x", OtlpEndpoint("http://c:4318/x", exact=True)),
    "OTEL_METRIC_EXPORT_INTERVAL": ("15000", 15.0),
    "OTEL_METRIC_EXPORT_TIMEOUT": ("2500", 2.5),
    "OTEL_EXPORTER_OTLP_TIMEOUT": ("2500", 2.5),
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": ("2500", 2.5),
}
OWN = {option.key: option.own.name for option in OPTIONS}


@pytest.fixture
def examples(tmp_path: Path) -> dict[str, tuple[str, Any]]:
    """EXAMPLES with files that exist."""
    files = {"{file}": tmp_path / "some.pem", "{calico}": tmp_path / "calicoctl.cfg", "{directory}": tmp_path}
    files["{file}"].write_text("x")
    files["{calico}"].write_text("kind: CalicoAPIConfig\nspec: {}\n")

    def placed(value: Any) -> Any:
        return str(files[value]) if isinstance(value, str) and value in files else value

    return {key: (placed(text), placed(value)) for key, (text, value) in EXAMPLES.items()}


def value_of(settings: Settings, key: str) -> Any:
    section, name = key.split(".")
    return getattr(getattr(settings, section), name)


def companions(key: str, examples: dict[str, tuple[str, Any]]) -> dict[str, str]:
    return {OWN[other]: examples[other][0] for other in COMPANIONS.get(key, ())}


def yaml_text(key: str, text: str) -> str:
    section, name = key.split(".")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{section}:\n  {name}: "{quoted}"\n'


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_key_is_taken_from_its_own_variable(key: str, examples: dict[str, tuple[str, Any]]) -> None:
    text, value = examples[key]
    assert value_of(load({OWN[key]: text} | companions(key, examples)), key) == value


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_key_is_taken_from_the_yaml_file(key: str, examples: dict[str, tuple[str, Any]], tmp_path: Path) -> None:
    text, value = examples[key]
    file = tmp_path / "otel-calico.yaml"
    file.write_text(yaml_text(key, text))
    assert value_of(load(companions(key, examples), file=file), key) == value


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.flag], ids=lambda option: option.flag)
def test_a_flag_wins_over_environment_and_file(option: Any, examples: dict[str, tuple[str, Any]]) -> None:
    text, value = examples[option.key]
    environ = {variable.name: "nonsense" for variable in option.variables}
    assert value_of(load(environ, {option.key: text}), option.key) == value


@pytest.mark.parametrize(
    ("key", "name"), [(option.key, variable.name) for option in OPTIONS for variable in option.foreign]
)
def test_every_variable_of_others_is_read(key: str, name: str, examples: dict[str, tuple[str, Any]]) -> None:
    text, value = FOREIGN_EXAMPLES.get(name) or examples[key]
    assert value_of(load({name: text} | companions(key, examples)), key) == value


def test_the_names_kept_for_drop_in_use_are_these() -> None:
    ours = {variable.name for option in OPTIONS for variable in option.foreign}
    calico = {
        *("DATASTORE_TYPE", "ETCD_ENDPOINTS", "ETCD_DISCOVERY_SRV", "ETCD_USERNAME", "ETCD_PASSWORD"),
        *("ETCD_KEY_FILE", "ETCD_CERT_FILE", "ETCD_CA_CERT_FILE", "KUBECONFIG", "K8S_API_ENDPOINT", "K8S_CA_FILE"),
        *("K8S_CERT_FILE", "K8S_KEY_FILE", "K8S_INSECURE_SKIP_TLS_VERIFY", "K8S_CURRENT_CONTEXT"),
        *("K8S_CLIENT_QPS", "K8S_CLIENT_BURST", "CALICO_API_GROUP"),
    }
    assert ours == (
        calico
        | {f"CALICO_{name}" for name in calico}
        | {"CALICO_K8SAPITOKEN", "CALICO_NODENAME_FILE", "NODENAME"}
        | {"FELIX_IPTABLESBACKEND", "FELIX_NFTABLESMODE", "FELIX_INTERFACEPREFIX"}
        | {"METRICS_SERVER_PORT", "MINIMUM_COUNTER"}
        | {"OTEL_SDK_DISABLED", "OTEL_METRICS_EXPORTER", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"}
        | {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}
        | {"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"}
        | {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"}
        | {"OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT"}
        | {"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"}
        | {"OTEL_EXPORTER_PROMETHEUS_PORT", "OTEL_EXPORTER_PROMETHEUS_HOST"}
    )


ONE, TWO, THREE = (("http://one:1",), ("http://two:2",), ("http://three:3",))


@pytest.mark.parametrize(
    ("flag", "environ", "in_file", "expected"),
    [
        (None, {}, None, ()),
        (None, {}, "three:3", THREE),
        (None, {"ETCD_ENDPOINTS": "http://two:2"}, "three:3", TWO),
        ("http://one:1", {"ETCD_ENDPOINTS": "http://two:2"}, "three:3", ONE),
        ("", {"ETCD_ENDPOINTS": ""}, "three:3", THREE),
        (None, {"CALICO_ETCD_ENDPOINTS": "http://one:1", "ETCD_ENDPOINTS": "http://two:2"}, None, ONE),
        (None, {"CALICO_ETCD_ENDPOINTS": "", "ETCD_ENDPOINTS": "http://two:2"}, None, ()),
        (None, {"CALICO_ETCD_ENDPOINTS": "", "ETCD_ENDPOINTS": "http://two:2"}, "three:3", THREE),
        (None, {"OTEL_CALICO_ETCD_ENDPOINTS": "http://one:1", "CALICO_ETCD_ENDPOINTS": "http://two:2"}, None, ONE),
        (None, {"OTEL_CALICO_ETCD_ENDPOINTS": "", "CALICO_ETCD_ENDPOINTS": "http://two:2"}, None, TWO),
    ],
)
def test_flags_go_before_environment_before_file(
    flag: str | None, environ: dict[str, str], in_file: str | None, expected: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "otel-calico.yaml"
    file.write_text(f"etcd:\n  endpoints:\n  - http://{in_file}\n" if in_file else "")
    flags = {} if flag is None else {"etcd.endpoints": flag}
    assert load(environ, flags, file).etcd.endpoints == expected


def test_yaml_values_are_taken_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "otel-calico.yaml"
    file.write_text(
        "etcd: {username: on, password: 0123}\n"
        "metrics:\n  app_labels: [k8s-app, app]\n  families: ~\n"
        "telemetry:\n  resource_attributes:\n    team: a, b\n    since: 2020-01-01\n"
        "log: ~\n"
    )
    settings = load({"NODENAME": "n"}, file=file)
    assert (settings.etcd.username, settings.etcd.password) == ("on", "0123")
    assert settings.metrics == dataclasses.replace(Settings().metrics, app_labels=("k8s-app", "app"))
    assert settings.telemetry.resource_attributes == (("team", "a, b"), ("since", "2020-01-01"))
    assert settings.log == Settings().log


CALICO_FILE = """
apiVersion: projectcalico.org/v3
kind: CalicoAPIConfig
spec:
  datastoreType: etcdv3
  etcdEndpoints: http://file:1
  etcdFIPSModeEnabled: true
"""


def test_a_calico_file_hides_calicos_variables_and_yields_to_ours(tmp_path: Path) -> None:
    calico = tmp_path / "calicoctl.cfg"
    calico.write_text(CALICO_FILE)
    environ = {"ETCD_ENDPOINTS": "http://env:1", "ETCD_USERNAME": "u", "ETCD_PASSWORD": "p", "NODENAME": "n"}
    environ["OTEL_CALICO_DATASTORE_CONFIG_FILE"] = str(calico)
    settings = load(environ)
    assert (settings.datastore.type, settings.node.name) == ("etcdv3", "n")
    assert settings.etcd == dataclasses.replace(Settings().etcd, endpoints=("http://file:1",))
    assert load(environ | {"OTEL_CALICO_ETCD_ENDPOINTS": "http://own:1"}).etcd.endpoints == ("http://own:1",)
    assert load(environ, {"etcd.endpoints": "http://flag:1"}).etcd.endpoints == ("http://flag:1",)
