"""Errors of requests to the Kubernetes API in words that say what to do."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from dataclasses import dataclass

from otel_calico.datastores.kubernetes.api_access import ApiAccess

ANONYMOUS = "system:anonymous"
"""The user that the API server takes a request without credentials for."""

_GIVE_CREDENTIALS = (
    "give the pod its service account (automountServiceAccountToken), or set KUBECONFIG, kubernetes.token_file, or "
    "K8S_CERT_FILE and K8S_KEY_FILE"
)
_OUR_ROLE = "config/kubernetes-rbac.yaml"
_DISCOVERY_ROLE = "the cluster's own role system:discovery"
_USER = re.compile(r'User "([^"]+)"')
_CA = "check K8S_CA_FILE, or certificate-authority in the kubeconfig"
_CLIENT_CERTIFICATE = "check K8S_CERT_FILE and K8S_KEY_FILE, or client-certificate in the kubeconfig"
_OTHER_NAMES = f"its certificate is for other names: use one of them in the server's URL; or {_CA}"
_TLS_ERRORS = (
    ("hostname mismatch", _OTHER_NAMES),
    ("ip address mismatch", _OTHER_NAMES),
    ("certificate has expired", "its certificate has expired"),
    ("certificate_verify_failed", f"its certificate is not signed by a trusted CA: {_CA}"),
    ("wrong_version_number", "it does not use TLS: use http:// in the server's URL, or the port with TLS"),
    ("certificate_required", f"it requires a client certificate: {_CLIENT_CERTIFICATE}"),
    ("eof occurred", f"it aborted TLS; if this repeats, it may require a client certificate: {_CLIENT_CERTIFICATE}"),
    ("unknown_ca", f"it does not trust the CA of our client certificate: {_CLIENT_CERTIFICATE}"),
)
"""A part of OpenSSL's text in lower case, and the description. The first match counts."""

_OTHER_STATUSES = {
    404: "{what}: not found (404): {message}; is this the URL of the API server, or does a proxy or load balancer in "
    "front of it answer?",
    429: "the API server is overloaded and refuses to {what} (429); retrying",
}

_CLOSED = (
    "it closed the connection; if this repeats, check http or https in the server's URL, and whether it requires a "
    f"client certificate: {_CLIENT_CERTIFICATE}"
)
_CONNECTION_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "its name cannot be resolved: check the server's URL and the DNS of this node"),
    (TimeoutError, "no answer in time: can this node reach it, and does its load balancer have a healthy server?"),
    (ConnectionRefusedError, "connection refused: is the API server there, and is the port right?"),
    (ConnectionError, _CLOSED),
    (http.client.IncompleteRead, "it closed the connection before the end of the response"),
    (http.client.HTTPException, "it does not use HTTP: check the server's URL"),
)
"""Types of errors, and the description. The first match counts."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request in RBAC's terms, such as `list` `pods`."""

    verb: str
    resource: str


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A response other than 200. `message` is the server's text; `retry_after` in seconds, None if it is not given.

    `is_of_the_server`: false for what only a proxy or a load balancer in front of it says.
    """

    status: int
    message: str
    retry_after: float | None = None
    is_of_the_server: bool = True


def describe_response(request: ApiRequest, response: ErrorResponse, access: ApiAccess) -> str:
    """Why the API server refused a request with these credentials, and what to do."""
    what = f"{request.verb} {request.resource}"
    if response.status == 401:
        if not access.has_credentials:
            return f"the API server wants credentials for {what} (401), and {_no_credentials(access)}"
        return (
            f"the API server rejects our credentials ({access.credentials}) for {what} (401): "
            "are they for this cluster, and not expired?"
        )
    if response.status == 403:
        user = _USER.search(response.message)
        if user and user[1] == ANONYMOUS:
            return (
                f"the API server treats our requests as {ANONYMOUS}, which may not {what} (403): {_anonymous(access)}"
            )
        role = _DISCOVERY_ROLE if request.resource.startswith("/") else _OUR_ROLE
        return (
            f"the API server forbids {user[1] if user else 'us'} to {what} (403): grant "
            f"the verb {request.verb} on {request.resource}, as {role} does"
        )
    text = _OTHER_STATUSES.get(response.status, "the API server cannot {what} ({status}): {message}")
    return text.format(what=what, status=response.status, message=response.message)


def _anonymous(access: ApiAccess) -> str:
    if not access.has_credentials:
        return _no_credentials(access)
    return (
        f"our credentials ({access.credentials}) do not reach it: does a proxy between take them off, or is the "
        "server's URL another one's?"
    )


def _no_credentials(access: ApiAccess) -> str:
    looked_for = f" (looked for {' and '.join(access.looked_for)})" if access.looked_for else ""
    return f"we have none{looked_for}: {_GIVE_CREDENTIALS}"


def describe_exception(error: Exception) -> str:
    """Why there was no complete response, and what to do."""
    if isinstance(error, ssl.SSLError):
        text = str(error).lower()
        found = (description for part, description in _TLS_ERRORS if part in text)
        return next(found, f"TLS failed: {error.reason or error}")
    for kind, description in _CONNECTION_ERRORS:
        if isinstance(error, kind):
            return description
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
