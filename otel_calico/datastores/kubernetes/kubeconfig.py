"""Reads one or several kubeconfig files into an `ApiAccess`.

Source: `client-go/tools/clientcmd/loader.go`: of several files the first that contains an entry counts, missing files
are skipped, paths are relative to the directory of their file.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

_T = TypeVar("_T")


class KubeconfigError(ValueError):
    """The kubeconfig cannot be used. The message says why, without secrets."""


class KubeconfigPart(msgspec.Struct, rename="kebab", frozen=True):
    """Base of the structs: keys are in kebab case; unknown keys are ignored."""


class Cluster(KubeconfigPart, frozen=True):
    server: str = ""
    tls_server_name: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    proxy_url: str = ""


class User(KubeconfigPart, frozen=True):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    exec: object = None
    auth_provider: object = None


class Context(KubeconfigPart, frozen=True):
    cluster: str = ""
    user: str = ""


class NamedCluster(KubeconfigPart, frozen=True):
    name: str
    cluster: Cluster = Cluster()


class NamedUser(KubeconfigPart, frozen=True):
    name: str
    user: User = User()


class NamedContext(KubeconfigPart, frozen=True):
    name: str
    context: Context = Context()


class Kubeconfig(KubeconfigPart, frozen=True):
    current_context: str | None = None
    clusters: list[NamedCluster] | None = None
    users: list[NamedUser] | None = None
    contexts: list[NamedContext] | None = None


def access_from_files(paths: str, context: str = "") -> ApiAccess:
    """The access in kubeconfig files; `paths` are separated by colons. Raises KubeconfigError."""
    files = [Path(path) for path in paths.split(os.pathsep) if path]
    there = [file for file in files if file.exists()]
    if not there:
        raise KubeconfigError(f"kubeconfig {paths} does not exist: check KUBECONFIG")
    configs = [(_read(file), file.parent) for file in there]
    return _access(configs, context, paths)


def access_from_text(text: str, context: str = "") -> ApiAccess:
    """The access in the text of a kubeconfig. Raises KubeconfigError."""
    name = "inline kubeconfig"
    return _access([(_parse(text, name), Path())], context, name)


def _read(file: Path) -> Kubeconfig:
    try:
        return _parse(read_bounded(file, LARGEST_CONFIGURATION).decode(), f"kubeconfig {file}")
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"kubeconfig {file} cannot be read: {getattr(error, 'strerror', error)}") from error


def _parse(text: str, name: str) -> Kubeconfig:
    try:
        return msgspec.convert(yaml.safe_load(text) or {}, Kubeconfig)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        reason = (
            f"not YAML{f' (line {place.line + 1})' if place else ''}" if isinstance(error, yaml.YAMLError) else error
        )
        raise KubeconfigError(f"{name}: {reason}") from None


def _access(configs: list[tuple[Kubeconfig, Path]], context: str, name: str) -> ApiAccess:
    wanted = context or next((config.current_context for config, _ in configs if config.current_context), "")
    if not wanted:
        raise KubeconfigError(f"{name} has no current context: set K8S_CURRENT_CONTEXT")
    contexts = ((one.name, one.context, at) for config, at in configs for one in config.contexts or ())
    clusters = ((one.name, one.cluster, at) for config, at in configs for one in config.clusters or ())
    users = ((one.name, one.user, at) for config, at in configs for one in config.users or ())
    chosen, _ = _named(contexts, wanted, "context", name)
    cluster, cluster_at = _named(clusters, chosen.cluster, "cluster", name)
    user, user_at = _named(users, chosen.user, "user", name) if chosen.user else (User(), Path())
    _refuse_unsupported(cluster, user, f"{name}: user {chosen.user}")
    return ApiAccess(
        server=cluster.server,
        server_name=cluster.tls_server_name,
        ca_file=_path(cluster.certificate_authority, cluster_at) if not cluster.certificate_authority_data else "",
        ca=_decoded(cluster.certificate_authority_data, f"{name}: certificate-authority-data"),
        cert_file=_path(user.client_certificate, user_at) if not user.client_certificate_data else "",
        cert=_decoded(user.client_certificate_data, f"{name}: client-certificate-data"),
        key_file=_path(user.client_key, user_at) if not user.client_key_data else "",
        key=_decoded(user.client_key_data, f"{name}: client-key-data"),
        token_file=_path(user.token_file, user_at),
        token="" if user.token_file else user.token,
        insecure=cluster.insecure_skip_tls_verify,
    )


def _named(found: Iterable[tuple[str, _T, Path]], wanted: str, what: str, name: str) -> tuple[_T, Path]:
    for one, value, at in found:
        if one == wanted:
            return value, at
    raise KubeconfigError(f"{name} has no {what} {wanted!r}")


def _refuse_unsupported(cluster: Cluster, user: User, whose: str) -> None:
    if user.exec or user.auth_provider:
        raise KubeconfigError(
            f"{whose} gets its token from a program, which is not supported: use a service account or a token file"
        )
    if user.username:
        raise KubeconfigError(f"{whose} has a password, which is not supported: use a token or a certificate")
    if cluster.proxy_url:
        raise KubeconfigError(f"{whose}: proxy-url is not supported: use a server that this node can reach directly")


def _path(path: str, at: Path) -> str:
    return str(at / path) if path else ""


def _decoded(text: str, name: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except ValueError:  # not base64, or not ASCII
        raise KubeconfigError(f"{name} is not PEM in base64") from None
