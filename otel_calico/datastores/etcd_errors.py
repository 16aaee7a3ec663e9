"""What gRPC and etcd say when something is wrong, in words that tell what to do. Pure."""

from __future__ import annotations

_NO_CLIENT = "it refused our client certificate, or that we have none: check ETCD_CERT_FILE and ETCD_KEY_FILE"
_CLOSED = "it closed the connection; if that goes on, check http or https in ETCD_ENDPOINTS, and ETCD_CERT_FILE"

# A part of the error in lower case, and its meaning. The first that fits counts.
_MEANINGS = (
    ("permission denied", "etcd refused to read: grant the user read on /calico/resources/v3/projectcalico.org/*"),
    ("invalid user id or password", "etcd refused user or password: check ETCD_USERNAME and ETCD_PASSWORD"),
    ("user name is empty", "etcd asks for a user: set ETCD_USERNAME and ETCD_PASSWORD"),
    ("invalid auth token", "the etcd login has expired; logging in again"),
    ("revision of auth store is old", "users of etcd have changed; logging in again"),
    ("certificate_verify_failed", "its certificate is not signed by the CA we trust: check ETCD_CA_CERT_FILE"),
    ("hostname verification", "its certificate is for other names: use one of these names in ETCD_ENDPOINTS"),
    ("peer name", "its certificate is for other names: use one of these names in ETCD_ENDPOINTS"),
    ("certificate_required", _NO_CLIENT),
    ("bad_certificate", _NO_CLIENT),
    ("unwrap failed", _NO_CLIENT),
    ("unknown_ca", "it does not know the CA of our client certificate: check ETCD_CERT_FILE"),
    ("wrong_version_number", "it does not speak TLS: use http:// in ETCD_ENDPOINTS, or turn TLS on there"),
    ("connection refused", "connection refused: is etcd running there, and is the port right?"),
    ("dns", "its name cannot be resolved: check ETCD_ENDPOINTS and the DNS of this node"),
    ("deadline", "no answer in time: is it reachable from this node, and does etcd have a leader?"),
    ("no leader", "etcd has no leader: are most of its members up?"),
    ("request timed out", "etcd cannot agree on an answer: are most of its members up?"),
    ("socket closed", _CLOSED),
    ("connection reset", _CLOSED),
    ("channel closed", "the connection was given up and is made anew"),
    ("closed channel", "the connection was given up and is made anew"),
    ("keepalive", "it stopped answering: is it reachable from this node?"),
)


def explain(code: str, details: str) -> str:
    """One sentence about a failed call: `code` is gRPC's word (`UNAVAILABLE`), `details` the text with it."""
    text = f"{code} {details}".lower().replace("_", " ")
    for part, meaning in _MEANINGS:
        if part.replace("_", " ") in text:
            return meaning
    return f"{details or 'no details given'} ({code})"
