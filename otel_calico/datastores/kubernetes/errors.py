"""What went wrong with a request, in words that tell what to do. Pure."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from dataclasses import dataclass

_USER = re.compile(r'User "([^"]+)"')
_CA = "check K8S_CA_FILE, or certificate-authority in the kubeconfig"
_OUR_CERTIFICATE = "check K8S_CERT_FILE and K8S_KEY_FILE, or client-certificate in the kubeconfig"
_MEANINGS = (
    ("hostname mismatch", f"its certificate is for other names: use one of them in the server's URL; or {_CA}"),
    ("ip address mismatch", f"its certificate is for other names: use one of them in the server's URL; or {_CA}"),
    ("certificate has expired", "its certificate has expired"),
    ("certificate_verify_failed", f"its certificate is not signed by the CA we trust: {_CA}"),
    ("wrong_version_number", "it does not speak TLS: use http:// in the server's URL, or name its TLS port"),
    ("certificate_required", f"it asks for a client certificate: {_OUR_CERTIFICATE}"),
    ("eof occurred", f"it broke TLS off; if that goes on, it may ask for a client certificate: {_OUR_CERTIFICATE}"),
    ("unknown_ca", f"it does not know the CA of our client certificate: {_OUR_CERTIFICATE}"),
)
"""A part of OpenSSL's text in lower case, and its meaning. The first that fits counts."""

_BROKE_OFF = (
    "it broke the connection off; if that goes on, check http or https in the server's URL, and whether it asks for "
    f"a client certificate: {_OUR_CERTIFICATE}"
)
_BROKEN: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "its name cannot be resolved: check the server's URL and the DNS of this node"),
    (TimeoutError, "no answer in time: is it reachable from this node, and does its load balancer know a server?"),
    (ConnectionRefusedError, "connection refused: is the API server there, and is the port right?"),
    (ConnectionError, _BROKE_OFF),
    (http.client.IncompleteRead, "it broke the connection off"),
    (http.client.HTTPException, "it does not speak HTTP: check the server's URL"),
)
"""Kinds of error and their meaning. The first that fits counts."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no 200. `message` is the API server's own; `retry_after` in seconds, None if it says none."""

    status: int
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request as RBAC sees it, such as `list` `pods`."""

    verb: str
    resource: str


def refused(question: Question, refusal: Refusal, credentials: str) -> str:
    """Why the API server refused, and what to do."""
    if refusal.status == 401:
        return (
            f"the API server does not know us ({credentials}) who want to {question.verb} {question.resource} (401): "
            "are the credentials of this cluster, and not expired?"
        )
    if refusal.status == 403:
        user = _USER.search(refusal.message)
        return (
            f"the API server forbids {user[1] if user else 'us'} to {question.verb} {question.resource} (403): grant "
            f"the verb {question.verb} on {question.resource}, as config/kubernetes-rbac.yaml does"
        )
    if refusal.status == 429:
        return f"the API server has no time to {question.verb} {question.resource} (429): it is overloaded; trying on"
    return f"the API server cannot {question.verb} {question.resource} ({refusal.status}): {refusal.message}"


def failed(error: Exception) -> str:
    """Why there was no whole answer, and what to do."""
    if isinstance(error, ssl.SSLError):
        text = str(error).lower()
        meanings = (meaning for part, meaning in _MEANINGS if part in text)
        return next(meanings, f"TLS failed: {error.reason or error}")
    for kind, meaning in _BROKEN:
        if isinstance(error, kind):
            return meaning
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
