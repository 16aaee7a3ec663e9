"""Errors of gRPC and etcd in words that say what to do."""

from __future__ import annotations

_CLIENT_CERTIFICATE = "it refused our client certificate, or requires one: check ETCD_CERT_FILE and ETCD_KEY_FILE"
_CLOSED = "it closed the connection; if this repeats, check http or https in ETCD_ENDPOINTS, and ETCD_CERT_FILE"
_OTHER_NAMES = "its certificate is for other names: use one of these names in ETCD_ENDPOINTS"
_RECONNECTING = "the connection was closed; reconnecting"

_DESCRIPTIONS = (
    ("permission denied", "etcd refused to read: grant the user read on /calico/resources/v3/projectcalico.org/*"),
    ("invalid user id or password", "etcd refused user or password: check ETCD_USERNAME and ETCD_PASSWORD"),
    ("user name is empty", "etcd requires a user: set ETCD_USERNAME and ETCD_PASSWORD"),
    ("invalid auth token", "the etcd login has expired; logging in again"),
    ("revision of auth store is old", "users of etcd have changed; logging in again"),
    ("certificate_verify_failed", "its certificate is not signed by a trusted CA: check ETCD_CA_CERT_FILE"),
    ("hostname verification", _OTHER_NAMES),
    ("peer name", _OTHER_NAMES),
    ("certificate_required", _CLIENT_CERTIFICATE),
    ("bad_certificate", _CLIENT_CERTIFICATE),
    ("unwrap failed", _CLIENT_CERTIFICATE),
    ("unknown_ca", "it does not trust the CA of our client certificate: check ETCD_CERT_FILE"),
    ("wrong_version_number", "it does not use TLS: use http:// in ETCD_ENDPOINTS, or enable TLS on the server"),
    ("connection refused", "connection refused: is etcd running there, and is the port right?"),
    ("dns", "its name cannot be resolved: check ETCD_ENDPOINTS and the DNS of this node"),
    ("deadline", "no answer in time: can this node reach it, and does etcd have a leader?"),
    ("no leader", "etcd has no leader: are most of its members running?"),
    ("request timed out", "etcd has no quorum: are most of its members running?"),
    ("socket closed", _CLOSED),
    ("connection reset", _CLOSED),
    ("channel closed", _RECONNECTING),
    ("closed channel", _RECONNECTING),
    ("keepalive", "it stopped answering: can this node reach it?"),
)
"""A part of the error text in lower case, and the description. The first match counts."""


def describe(code: str, details: str) -> str:
    """One sentence about a failed call: `code` is the gRPC status (`UNAVAILABLE`), `details` its text."""
    text = f"{code} {details}".lower().replace("_", " ")
    for part, description in _DESCRIPTIONS:
        if part.replace("_", " ") in text:
            return description
    return f"{details or 'no details given'} ({code})"
