"""Generates the reference page and the sample file from the table of settings.

`python -m otel_calico.config.reference docs/configuration.md config/otel-calico.yaml` writes both anew.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from otel_calico.config.option import Option
from otel_calico.config.settings import OPTIONS

TITLES = {
    "node": "This node",
    "datastore": "Calico datastore",
    "etcd": "etcd",
    "kubernetes": "Kubernetes API",
    "iptables": "Reading the rules",
    "ebpf": "Reading the eBPF dataplane",
    "metrics": "Which series",
    "prometheus": "HTTP and Prometheus",
    "web": "TLS, users and the page",
    "telemetry": "OpenTelemetry",
    "otlp": "Push over OTLP",
    "log": "Log",
}

_INTRODUCTION = """\
<!-- Generated from otel_calico/config: .venv/bin/python -m otel_calico.config.reference docs/configuration.md \
config/otel-calico.yaml -->

# Configuration

Every setting has a default that suits most nodes. What most clusters set:

* nothing at all, if calico-node's variables (`DATASTORE_TYPE`, `ETCD_*`, `NODENAME`, …) are in the pod already;
* else `ETCD_ENDPOINTS` with its certificates, or nothing for the Kubernetes datastore;
* `NODENAME` from `spec.nodeName`, or a read-only mount of `/var/lib/calico`;
* `OTEL_EXPORTER_OTLP_ENDPOINT`, to push to a collector besides serving `/metrics`.

A value is taken from the first of these that gives one:

1. a flag;
2. the environment: `OTEL_CALICO_` and the key with `_` for dots, in capitals (`iptables.lock_wait` is
   `OTEL_CALICO_IPTABLES_LOCK_WAIT`); then the variables of others, in the order of the tables below;
3. the YAML file: `--config FILE`, else `OTEL_CALICO_CONFIG`, else `/etc/otel-calico/otel-calico.yaml` if it exists
   ([sample](../config/otel-calico.yaml)); `iptables.lock_wait` stands there as `lock_wait` under `iptables`;
4. the CalicoAPIConfig file that `datastore.config_file` names, if it names one;
5. the default.

Empty counts as not given everywhere. One exception is Calico's own: a variable with the prefix `CALICO_` that is set
but empty hides the one without (`CALICO_ETCD_ENDPOINTS=` hides `ETCD_ENDPOINTS`). Variables that Kubernetes makes for
Services (`METRICS_SERVER_PORT=tcp://10.96.0.7:443`) are not taken for settings.

Durations are written `500ms`, `5s`, `1m`, `1h` or in plain seconds, lists with commas (in YAML also as lists).
An unknown key or `OTEL_CALICO_` variable, a bad value, or two settings that contradict each other stop the start
with exit code 2 and one message that lists all of them.
"""

_EPILOGUE = """\
## Read by the OpenTelemetry exporters themselves

These variables go to the OTLP exporter as they are. Each also has a form with `_METRICS_` after `OTLP`, which wins.

| Variable | Meaning |
|---|---|
| `OTEL_EXPORTER_OTLP_HEADERS` | Headers of each export, such as an API key: `name=value`, joined with commas |
| `OTEL_EXPORTER_OTLP_CERTIFICATE` | PEM file of the authorities that sign the collector's certificate |
| `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `OTEL_EXPORTER_OTLP_CLIENT_KEY` | PEM files of the client certificate |
| `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip` or `none` |
| `OTEL_EXPORTER_OTLP_INSECURE` | `true`: no TLS with gRPC to an endpoint without a scheme |

## Calico variables without effect

`ETCD_FIPS_MODE_ENABLED`, `K8S_API_TOKEN`, `K8S_DISABLE_NODE_POLL` and `USE_POD_CIDR` mean nothing to a reader.
"""


def page(options: Iterable[Option] = OPTIONS) -> str:
    """docs/configuration.md."""
    sections = [_section(section, list(rows)) for section, rows in groupby(options, _section_of)]
    return "\n".join([_INTRODUCTION, *sections, _EPILOGUE])


def sample(options: Iterable[Option] = OPTIONS) -> str:
    """config/otel-calico.yaml: all keys commented out at their defaults; it loads less the first `#` of each line."""
    lines = ["## Settings of otel-calico. Take the # from the line of a section and of a setting to change it."]
    for section, rows in groupby(options, _section_of):
        lines += ["", f"## --- {TITLES[section]} ---", f"#{section}:"]
        for option in rows:
            lines += textwrap.wrap(_prose(option), 118, initial_indent="##   ", subsequent_indent="##   ")
            lines.append(f"#  {option.key.partition('.')[2]}: {_yaml(option)}".rstrip())
    return "\n".join(lines) + "\n"


def _section_of(option: Option) -> str:
    return option.key.partition(".")[0]


def _section(section: str, options: Iterable[Option]) -> str:
    head = f"## {TITLES[section]}\n\n| Key, flag | Environment | Default | Meaning |\n|---|---|---|---|\n"
    return head + "".join(_row(option) for option in options)


def _row(option: Option) -> str:
    names = [f"`{option.key}`"] + ([f"`{option.flag}`"] if option.flag else [])
    variables = [f"`{variable.name}`" for variable in option.variables]
    default = option.automatic or (f"`{option.default_text}`" if option.default_text else "not set")
    return f"| {'<br>'.join(names)} | {'<br>'.join(variables)} | {default} | {option.meaning} |\n"


def _prose(option: Option) -> str:
    default = f" Without it: {option.automatic}." if option.automatic else ""
    return f"{option.meaning}{default}".replace("`", "")


def _yaml(option: Option) -> str:
    if isinstance(option.default, tuple) and option.default:
        return f"[{', '.join(option.default)}]"
    plain = option.default_text.replace(".", "").replace("-", "").isalnum()
    return option.default_text if plain or not option.default_text else json.dumps(option.default_text)


if __name__ == "__main__":
    page_file, sample_file = sys.argv[1:]
    Path(page_file).write_text(page(), encoding="utf-8")
    Path(sample_file).write_text(sample(), encoding="utf-8")
