"""Resolves defaults that depend on other settings or on the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from otel_calico.config.calico import DatastoreSettings, EtcdSettings, KubernetesSettings, NodeSettings
from otel_calico.config.given import Given
from otel_calico.config.kinds import is_file
from otel_calico.config.settings import Settings
from otel_calico.config.telemetry import OtlpSettings, TelemetrySettings
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

SERVICE_NAME = "otel-calico"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet puts a pod's token and the authority of its API server."""


def decide(
    settings: Settings, given: Mapping[str, Given], environ: Mapping[str, str], hostname: Callable[[], str]
) -> Settings:
    """Settings without open ends. Reads the node name file, and calls `hostname` if nothing else names the node."""
    return replace(
        settings,
        node=_node(settings.node, given, environ, hostname),
        datastore=_datastore(settings),
        etcd=_etcd(settings.etcd),
        kubernetes=_kubernetes(
            settings.kubernetes, environ, offline=settings.is_saved and "datastore.type" not in given
        ),
        telemetry=_telemetry(settings.telemetry, pushes=settings.otlp.endpoint is not None),
        otlp=_otlp(settings.otlp),
    )


def _node(
    node: NodeSettings, given: Mapping[str, Given], environ: Mapping[str, str], hostname: Callable[[], str]
) -> NodeSettings:
    """calico-node's order (`node/pkg/lifecycle/utils/utils.go`), after what was given to us alone."""
    if node.name:
        return replace(node, name_source=given["node.name"].source)
    if name := _first_line(node.name_file):
        return replace(node, name=name, name_source=f"file {node.name_file}")
    if name := environ.get("HOSTNAME", "").strip().lower():
        return replace(node, name=name, name_source="environment HOSTNAME")
    return replace(node, name=hostname().strip().lower(), name_source="host name")


def _first_line(file: str) -> str:
    """Calico does not strip the name; a name cannot hold a line end, so only a hand-written file differs."""
    try:
        return read_bounded(file, LARGEST_CONFIGURATION).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _datastore(settings: Settings) -> DatastoreSettings:
    """An SRV domain alone does not choose etcd (`libcalico-go/lib/apiconfig/load.go`)."""
    if settings.datastore.file:
        return replace(settings.datastore, type="file")
    if settings.datastore.type:
        return settings.datastore
    return replace(settings.datastore, type="etcdv3" if settings.etcd.endpoints else "kubernetes")


def _etcd(etcd: EtcdSettings) -> EtcdSettings:
    return etcd if etcd.username and etcd.password else replace(etcd, username="", password="")


def _kubernetes(kubernetes: KubernetesSettings, environ: Mapping[str, str], *, offline: bool) -> KubernetesSettings:
    """A kubeconfig, else the pod's service account (`client-go/rest/config.go`), as far as nothing else was given.

    `offline`: a saved ruleset is read, so that only a server which somebody names is asked.
    """
    if kubernetes.kubeconfig or kubernetes.kubeconfig_inline:
        return replace(kubernetes, looked_for=tuple(filter(None, kubernetes.kubeconfig.split(":"))))
    looked_for = [str(_SERVICE_ACCOUNT / "token")]
    if not kubernetes.api_endpoint:
        if offline:
            return kubernetes
        users_own = Path(environ["HOME"], ".kube", "config") if environ.get("HOME") else None
        looked_for += [str(users_own)] if users_own else []
        if users_own and is_file(users_own):
            return replace(kubernetes, kubeconfig=str(users_own), looked_for=(str(users_own),))
        if not environ.get("KUBERNETES_SERVICE_HOST"):
            return kubernetes
    token, ca = (
        str(file) if is_file(file) else "" for file in (_SERVICE_ACCOUNT / "token", _SERVICE_ACCOUNT / "ca.crt")
    )
    anonymous = not (kubernetes.api_token or kubernetes.token_file or kubernetes.cert_file)
    return replace(
        kubernetes,
        api_endpoint=kubernetes.api_endpoint or _own_api_server(environ),
        token_file=kubernetes.token_file or (token if anonymous else ""),
        ca_file=kubernetes.ca_file or ca,
        looked_for=tuple(looked_for),
    )


def _own_api_server(environ: Mapping[str, str]) -> str:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _telemetry(telemetry: TelemetrySettings, *, pushes: bool) -> TelemetrySettings:
    attributes = dict(telemetry.resource_attributes)
    return replace(
        telemetry,
        exporters=telemetry.exporters or (("prometheus", "otlp") if pushes else ("prometheus",)),
        service_name=telemetry.service_name or attributes.get("service.name") or SERVICE_NAME,
    )


def _otlp(otlp: OtlpSettings) -> OtlpSettings:
    """OpenTelemetry recommends http/protobuf; a port 4317 is the registered one of gRPC, which HTTP cannot talk to."""
    if otlp.protocol:
        return otlp
    url = otlp.endpoint.url if otlp.endpoint else ""
    port = urlsplit(url if "://" in url else f"//{url}").port
    return replace(otlp, protocol="grpc" if port == 4317 else "http/protobuf")
