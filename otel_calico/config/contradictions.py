"""Finds settings that are valid alone and contradict each other. Each check yields lines of the error report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from otel_calico.config.given import Given
from otel_calico.config.settings import Settings
from otel_calico.files import STANDARD_INPUT

_ETCD_FILES = ("etcd.ca_cert_file", "etcd.cert_file", "etcd.key_file")
_ETCD_INLINE = ("etcd.ca_cert", "etcd.cert", "etcd.key")
_CERTIFICATES_AND_KEYS = (
    ("etcd.cert_file", "etcd.key_file"),
    ("etcd.cert", "etcd.key"),
    ("kubernetes.cert_file", "kubernetes.key_file"),
)
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
"""What Prometheus has `_` for in names of labels."""

_THIS_NODE = {"localhost", "127.0.0.1", "::1"}


def contradictions(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    """One line for each pair of settings that contradict each other."""
    yield from _etcd(settings, given)
    yield from _certificates(given)
    yield from _standard_input(settings, given)
    yield from _saved(given)
    yield from _backend(settings, given)
    yield from _exporters(settings, given)
    yield from _otlp_endpoint(settings, given)
    yield from _namespaces(settings, given)
    yield from _pod_labels(settings, given)


def _etcd(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    if "etcd.endpoints" in given and "etcd.discovery_srv" in given:
        yield f"{_both(given, 'etcd.endpoints', 'etcd.discovery_srv')}: both say where etcd is; keep one"
    if settings.datastore.type == "etcdv3" and not {"etcd.endpoints", "etcd.discovery_srv"} & given.keys():
        yield f"{given['datastore.type'].source}: etcdv3 needs endpoints; set ETCD_ENDPOINTS (etcd.endpoints)"
    file = next((key for key in _ETCD_FILES if key in given), None)
    inline = next((key for key in _ETCD_INLINE if key in given), None)
    if file and inline:
        yield f"{_both(given, file, inline)}: TLS is given by files and as text; keep one form"


def _certificates(given: Mapping[str, Given]) -> Iterator[str]:
    for certificate, key in _CERTIFICATES_AND_KEYS:
        if certificate in given and key not in given:
            yield f"{given[certificate].source}: a client certificate without its key; set {key} too"
        if key in given and certificate not in given:
            yield f"{given[key].source}: a key without its client certificate; set {certificate} too"


def _standard_input(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    if settings.iptables.ruleset_file == STANDARD_INPUT == settings.datastore.file:
        yield (
            f"{_both(given, 'iptables.ruleset_file', 'datastore.file')}: standard input can be read once; "
            "give one of them a file"
        )


def _saved(given: Mapping[str, Given]) -> Iterator[str]:
    if "iptables.ruleset_file" in given and "ebpf.state_directory" in given:
        yield f"{_both(given, 'iptables.ruleset_file', 'ebpf.state_directory')}: a node has rules or maps; keep one"


def _backend(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    if settings.iptables.backend == "nftables" and settings.iptables.nftables_mode == "Disabled":
        yield (
            f"{_both(given, 'iptables.backend', 'iptables.nftables_mode')}: one asks for native nftables, the other "
            "rules it out; change one"
        )


def _exporters(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    if "none" in settings.telemetry.exporters and len(settings.telemetry.exporters) > 1:
        source = given["telemetry.exporters"].source
        yield f'{source}: "none" cannot be combined with other exporters; remove it or the others'


def _otlp_endpoint(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    if settings.otlp.endpoint is None or "otlp" not in settings.telemetry.exporters:
        return
    url, source = settings.otlp.endpoint.url, given["otlp.endpoint"].source
    if "://" not in url and settings.otlp.protocol == "http/protobuf":
        yield f"{source}: http/protobuf needs a URL; write http:// or https:// before it, or set otlp.protocol to grpc"
    parts = urlsplit(url if "://" in url else f"//{url}")
    if parts.hostname in _THIS_NODE and parts.port == settings.prometheus.port:
        where = given["prometheus.port"].source if "prometheus.port" in given else "default of prometheus.port"
        yield f"{source} and {where}: the collector cannot have the port of our own server; change one"


def _namespaces(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    excluded = settings.metrics.exclude_namespaces
    if both := [name for name in settings.metrics.include_namespaces if name in excluded]:
        where = _both(given, "metrics.include_namespaces", "metrics.exclude_namespaces")
        yield f"{where}: {both[0]} is in both lists; take it out of one"


def _pod_labels(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    taken: dict[str, str] = {}
    for label in settings.metrics.workload_pod_labels:
        name = _NOT_IN_NAMES.sub("_", label)
        if (other := taken.setdefault(name, label)) != label:
            source = given["metrics.workload_pod_labels"].source
            yield f"{source}: {other} and {label} have one name at /metrics, k8s_pod_label_{name}; keep one"


def _both(given: Mapping[str, Given], one: str, other: str) -> str:
    return f"{given[one].source} and {given[other].source}"
