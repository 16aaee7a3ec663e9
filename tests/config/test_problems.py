"""What people are told about settings that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_calico.config import ConfigError, load

SECRET = "hunter2"


EVERYTHING_WRONG = """\
22 problems in the settings:
  - environment OTEL_CALICO_NODENAME: unknown variable; did you mean OTEL_CALICO_NODE_NAME?
  - environment OTEL_CALICO_XYZ: unknown variable
  - file {file}, line 4, key lock_wait: stands there twice
  - file {file}, line 2, key iptables.bakend: unknown key; did you mean iptables.backend?
  - file {file}, line 5, key lock_wait: unknown key; did you mean iptables.lock_wait?
  - file {file}, line 6, key log: is no mapping of settings
  - file {file}, line 7, key metrics.minimum_counter: must be a scalar, or a flat list or mapping of scalars
  - environment ETCD_ENDPOINTS: "http://***@e:2379" holds credentials, which would show up in logs; allowed: a comma \
list of http://host:port, https://host:port or host:port, without user and password
  - environment ETCD_CERT_FILE: "/no/such.pem" does not exist; allowed: a file that exists
  - flag --iptables-backend: "ebpf" is unknown; allowed: auto, legacy, nft, nftables
  - file {file}, line 3, key iptables.lock_wait: "soon" is no duration; allowed: a duration such as 500ms, 5s, 1m or \
2.5 (seconds), or 0
  - file {file}, line 7, key metrics.families: "policy,rules" names the unknown "rules"; allowed: a comma list of \
accountant, policy, workload, rule
  - environment MINIMUM_COUNTER: "-1" is out of range; allowed: a whole number from 0
  - environment OTEL_SDK_DISABLED: "1" is neither true nor false; allowed: true or false
  - environment OTEL_METRIC_EXPORT_INTERVAL: "60s" is no positive whole number; allowed: a whole number of \
milliseconds from 1
  - environment ETCD_ENDPOINTS and environment ETCD_DISCOVERY_SRV: both say where etcd is; keep one
  - environment ETCD_CERT_FILE and file {file}, line 9, key etcd.ca_cert: TLS is given by files and as text; keep one \
form
  - environment ETCD_CERT_FILE: a client certificate without its key; set etcd.key_file too
  - flag --ruleset and flag --datastore-file: standard input can be read once; give one of them a file
  - flag --exporters: "none" cannot be combined with other exporters; remove it or the others
  - environment OTEL_EXPORTER_OTLP_ENDPOINT: http/protobuf needs a URL; write http:// or https:// before it, or set \
otlp.protocol to grpc
  - environment OTEL_EXPORTER_OTLP_ENDPOINT and flag --port: the collector cannot have the port of our own server; \
change one"""


def problems(
    environ: dict[str, str] | None = None, flags: dict[str, str] | None = None, file: Path | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        load(environ or {}, flags, file)
    return str(caught.value)


def test_one_message_lists_all_problems_each_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "otel-calico.yaml"
    file.write_text(
        "iptables:\n"
        "  bakend: nft\n"
        "  lock_wait: soon\n"
        "  lock_wait: 2s\n"
        "lock_wait: 1s\n"
        "log: loud\n"
        "metrics: {families: [policy, rules], minimum_counter: [[1]]}\n"
        "etcd:\n"
        "  ca_cert: |\n"
        "    -----BEGIN CERTIFICATE-----\n"
    )
    environ = {
        "OTEL_CALICO_NODENAME": "n",
        "OTEL_CALICO_XYZ": "1",
        "MINIMUM_COUNTER": "-1",
        "OTEL_SDK_DISABLED": "1",
        "ETCD_ENDPOINTS": "http://u:hunter2@e:2379",
        "ETCD_DISCOVERY_SRV": "example.org",
        "ETCD_CERT_FILE": "/no/such.pem",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:9100",
        "OTEL_METRIC_EXPORT_INTERVAL": "60s",
    }
    flags = {
        "prometheus.port": "9100",
        "iptables.backend": "ebpf",
        "telemetry.exporters": "none,otlp",
        "datastore.file": "-",
        "iptables.ruleset_file": "-",
    }
    assert problems(environ, flags, file) == EVERYTHING_WRONG.format(file=file)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"DATASTORE_TYPE": "etcdv3"},
            "environment DATASTORE_TYPE: etcdv3 needs endpoints; set ETCD_ENDPOINTS (etcd.endpoints)",
        ),
        (
            {"FELIX_IPTABLESBACKEND": "nftables", "FELIX_NFTABLESMODE": "Disabled"},
            (
                "environment FELIX_IPTABLESBACKEND and environment FELIX_NFTABLESMODE: one asks for native nftables, "
                "the other rules it out; change one"
            ),
        ),
        ({"DATASTORE_TYPE": "etcd"}, 'environment DATASTORE_TYPE: "etcd" is unknown; allowed: etcdv3, kubernetes'),
        (
            {"METRICS_SERVER_PORT": "65536"},
            'environment METRICS_SERVER_PORT: "65536" is out of range; allowed: a whole number from 0 to 65535',
        ),
        (
            {"OTEL_CALICO_METRICS_FAMILIES": "pods"},
            (
                'environment OTEL_CALICO_METRICS_FAMILIES: "pods" is unknown; '
                "allowed: a comma list of accountant, policy, workload, rule"
            ),
        ),
        (
            {"OTEL_CALICO_METRICS_POD_SELECTOR": "app=web,env in prod"},
            (
                'environment OTEL_CALICO_METRICS_POD_SELECTOR: "app=web,env in prod" has a part that is no '
                'requirement: "env in prod"; allowed: requirements such as '
                "app=web,tier!=cache,env in (prod,test),!canary"
            ),
        ),
        (
            {"OTEL_CALICO_METRICS_INCLUDE_NAMESPACES": "shop,Shop_2"},
            (
                'environment OTEL_CALICO_METRICS_INCLUDE_NAMESPACES: "shop,Shop_2" names "Shop_2", which no namespace '
                "can be called; allowed: a comma list of namespaces, in which * stands for any characters"
            ),
        ),
        (
            {"OTEL_CALICO_METRICS_INCLUDE_NAMESPACES": "a,b", "OTEL_CALICO_METRICS_EXCLUDE_NAMESPACES": "kube-*,b"},
            (
                "environment OTEL_CALICO_METRICS_INCLUDE_NAMESPACES and environment "
                "OTEL_CALICO_METRICS_EXCLUDE_NAMESPACES: b is in both lists; take it out of one"
            ),
        ),
        (
            {"OTEL_CALICO_METRICS_WORKLOAD_POD_LABELS": "app,a.b/c,a/b.c"},
            (
                "environment OTEL_CALICO_METRICS_WORKLOAD_POD_LABELS: a.b/c and a/b.c have one name at /metrics, "
                "k8s_pod_label_a_b_c; keep one"
            ),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
            (
                "environment OTEL_EXPORTER_OTLP_ENDPOINT: http/protobuf needs a URL; write http:// or https:// before "
                "it, or set otlp.protocol to grpc"
            ),
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            'environment OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" is unknown; allowed: grpc, http/protobuf',
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:9009"},
            (
                "environment OTEL_EXPORTER_OTLP_ENDPOINT and default of prometheus.port: the collector cannot have the "
                "port of our own server; change one"
            ),
        ),
        (
            {"OTEL_CALICO_ETCD_KEY": SECRET},
            "environment OTEL_CALICO_ETCD_KEY: the value is no PEM text; allowed: PEM text",
        ),
        (
            {"OTEL_CALICO_DATASTORE_CONFIG_FILE": "/etc/hostname"},
            "file /etc/hostname: is no mapping of sections",
        ),
    ],
)
def test_a_problem_says_what_is_allowed(environ: dict[str, str], expected: str) -> None:
    assert expected in [line.removeprefix("  - ") for line in problems(environ).splitlines()]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            f"etcd:\n  password: *{SECRET}\n",
            ", line 2, column 13: is no valid YAML; check indentation, quote special characters",
        ),
        (
            f"etcd:\n  password: @{SECRET}\n",
            ", line 2, column 13: is no valid YAML; check indentation, quote special characters",
        ),
        (
            f"etcd:\n\tpassword: {SECRET}\n",
            ", line 2, column 1: is no valid YAML; check indentation, quote special characters",
        ),
        ("- a\n", ": is no mapping of sections"),
        ("\x00", ": is no valid YAML"),
        (b"\xff", ": is not UTF-8 text"),
        (None, ": cannot be read: No such file or directory"),
    ],
)
def test_a_broken_file_is_one_problem_among_the_others(
    content: str | bytes | None, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "otel-calico.yaml"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    assert problems({"MINIMUM_COUNTER": "x"}, file=file) == (
        "2 problems in the settings:\n"
        f"  - file {file}{expected}\n"
        '  - environment MINIMUM_COUNTER: "x" is no whole number; allowed: a whole number from 0'
    )


def test_an_unknown_field_of_a_calico_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "calicoctl.cfg"
    file.write_text("kind: CalicoAPIConfig\nspec:\n  etcdEndpoint: http://e:1\n")
    assert problems({"OTEL_CALICO_DATASTORE_CONFIG_FILE": str(file)}) == (
        f"file {file}, line 3, key etcdEndpoint: unknown key; did you mean etcdEndpoints?"
    )


def test_secrets_are_in_no_message_and_no_repr(tmp_path: Path) -> None:
    file = tmp_path / "otel-calico.yaml"
    file.write_text(f"etcd:\n  password: [{SECRET}, [x]]\n  key: {SECRET}\n  passwort: {SECRET}\n")
    environ = {
        "ETCD_KEY_FILE": f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        "ETCD_ENDPOINTS": f"https://root:{SECRET}@e:2379",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://root:{SECRET}@c:4318",
        "OTEL_CALICO_ETCD_PASSWROD": SECRET,
    }
    assert SECRET not in problems(environ, file=file)
    settings = load({"ETCD_USERNAME": "u", "ETCD_PASSWORD": SECRET, "CALICO_K8SAPITOKEN": SECRET})
    assert settings.etcd.password == SECRET
    assert SECRET not in repr(settings)


def test_bytes_that_are_no_text_are_refused() -> None:
    assert problems({"OTEL_RESOURCE_ATTRIBUTES": "team=\udcff"}, {"node.name": "\udcff"}) == (
        "2 problems in the settings:\n"
        "  - flag --node-name: '\\udcff' is no UTF-8\n"
        "  - environment OTEL_RESOURCE_ATTRIBUTES: 'team=\\udcff' is no UTF-8; allowed: name=value pairs joined with "
        "commas, special characters percent-encoded"
    )
