"""What well-formed input looks like: where fuzzing begins."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from endurance.fuzz.targets import KINDS
from otel_calico.calico.model import IPVersion
from tests.end_to_end.resources import datastore
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.kubernetes.objects import calico, cluster_information, kubernetes_policy, pod

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that are kept: each once found something, or reaches code that the others do not."""

_KUBECONFIG = """\
current-context: a
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: YQ==}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: a, context: {cluster: c, user: u}}]
"""
_WEB = """\
tls_server_config: {cert_file: a.pem, key_file: b.pem, client_auth_type: NoClientCert, min_version: TLS12}
http_server_config: {headers: {Strict-Transport-Security: max-age=1}}
basic_auth_users: {prometheus: $2b$04$abcdefghijklmnopqrstuuVv3sNkR2UH0hTnIbsFzXyTqIY7mOZJO}
"""
_CHOICES = 2000  # bytes that choose a history of some looks
_LONGEST = 60_000  # bytes of a seed; a fuzzer does little with more


def seeds(target: str) -> list[bytes]:
    """Well-formed inputs of a target, and those that are kept."""
    kept = [file.read_bytes() for file in sorted((CORPUS / target).glob("*"))]
    return [text[:_LONGEST] for text in _WELL_FORMED[target]()] + kept


def _rulesets() -> list[bytes]:
    dumps = [render(example_node(era), version).dump() for era in Era for version in IPVersion]
    return [dump.encode() for dump in dumps]


def _mailed() -> list[bytes]:
    """As a quotation, in UTF-16, with text around, from a terminal, and what is none."""
    dump = render(example_node(Era.E)).dump()
    listed = '{"nftables": [{"metainfo": {}}, {"table": {"family": "ip6", "name": "calico"}}]}\n'
    quoted = "".join(f"> {line}\n" for line in dump.splitlines())
    texts = [
        quoted,
        f"# ip6tables-save -c\n{dump}```\n{listed}",
        "table ip calico {\n}\n",
        "Chain FORWARD (policy DROP)\n",
    ]
    return [*(text.encode() for text in texts), dump.encode("utf-16"), gzip.compress(dump.encode())]


def _none() -> list[bytes]:
    return []  # what nft printed, or the kernel answered, is among those that are kept


def _resources() -> list[bytes]:
    stored = {key.split("/")[5]: value.encode() for key, value in datastore(Era.E).items()}
    texts = [bytes([KINDS.index(kind)]) + value for kind, value in stored.items() if kind in KINDS]
    return [*texts, bytes([KINDS.index("pods")]) + json.dumps(pod("web-0")).encode()]


def _exports() -> list[bytes]:
    keys = "".join(f"{key}\n{value}\n" for key, value in datastore(Era.E).items())
    listed = {"apiVersion": "v1", "kind": "List", "items": _objects()}
    documents = "---\n".join(json.dumps(one, indent=1) for one in _objects())
    plain = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nstatus: {podIP: 10.0.0.1}\n"
    return [keys.encode(), json.dumps(listed).encode(), documents.encode(), plain.encode()]


def _objects() -> list[dict[str, object]]:
    return [pod("web-0"), kubernetes_policy("a"), calico("Tier", "t", order=1), cluster_information("v3.32.1")]


def _lists() -> list[bytes]:
    listed = {"kind": "PodList", "metadata": {"resourceVersion": "7", "continue": "x"}, "items": [pod("a"), pod("b")]}
    return [json.dumps(listed).encode(), json.dumps(listed, indent=2).encode()]


def _settings() -> list[bytes]:
    sample = (Path(__file__).parents[2] / "config" / "otel-calico.yaml").read_text()
    loaded = "\n".join(line.removeprefix("#") for line in sample.splitlines())
    return [loaded.encode(), b"prometheus: {port: 9009}\nlog:\n  level: debug\n"]


_WELL_FORMED: dict[str, Callable[[], list[bytes]]] = {
    "ruleset": _rulesets,
    "nft_export": _none,
    "mailed": _mailed,
    "netlink": _none,
    "resource": _resources,
    "export": _exports,
    "api_list": _lists,
    "kubeconfig": lambda: [_KUBECONFIG.encode()],
    "settings": _settings,
    "web_config": lambda: [_WEB.encode()],
    "scans": lambda: [Random(number).randbytes(_CHOICES) for number in range(3)],  # noqa: S311 - choices, no secrets
}
