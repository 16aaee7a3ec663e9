"""The address of the API server and the credentials for it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from urllib.parse import urlsplit

_NO_SERVER = (
    "no Kubernetes API server is named: run in a pod with a service account, or set KUBECONFIG or K8S_API_ENDPOINT"
)
_FILE_OR_TEXT = (("ca_file", "ca"), ("cert_file", "cert"), ("key_file", "key"), ("token_file", "token"))
"""Fields with the same meaning, as a file and as a text."""


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Server and credentials; an empty field is not given.

    Certificates (PEM) and token are files, which are read again when they may have changed, or texts. `server_name` is
    the name in the server's certificate, if it is not the host of `server`. Without a CA the system's certificate
    authorities are trusted. `looked_for` are the files in which credentials were not found, for messages.
    """

    server: str = ""
    server_name: str = ""
    ca_file: str = ""
    ca: str = ""
    cert_file: str = ""
    cert: str = ""
    key_file: str = ""
    key: str = field(default="", repr=False)
    token_file: str = ""
    token: str = field(default="", repr=False)
    insecure: bool = False
    looked_for: tuple[str, ...] = ()

    def overridden(self, by: ApiAccess) -> ApiAccess:
        """This access, with every field that `by` gives instead of its own."""
        given = {one.name: getattr(by, one.name) for one in fields(by) if getattr(by, one.name)}
        for file, text in _FILE_OR_TEXT:
            if file in given or text in given:
                given = {file: "", text: ""} | given
        return replace(self, **given)

    def problems(self) -> tuple[str, ...]:
        """One text for each error in the settings."""
        if not self.server:
            return (_NO_SERVER,)
        found = []
        try:
            parts = urlsplit(self.server)
            valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        except ValueError:
            valid = False
        if not valid:
            found.append(f"Kubernetes API server {self.server!r}: expected https://HOST:PORT")
        if bool(self.cert_file or self.cert) != bool(self.key_file or self.key):
            found.append("a client certificate for the Kubernetes API needs its key, and the key its certificate")
        return tuple(found)

    @property
    def has_credentials(self) -> bool:
        """True if a token or a client certificate is sent."""
        return bool(self.token_file or self.token or self.cert_file or self.cert)

    @property
    def credentials(self) -> str:
        """Which credentials are sent, for messages."""
        if self.token_file:
            return f"token in {self.token_file}"
        if self.token:
            return "token"
        if self.cert_file or self.cert:
            return f"client certificate{f' in {self.cert_file}' if self.cert_file else ''}"
        return "no credentials"
