"""The servers of an etcd cluster and the credentials for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_PORT = 2379


@dataclass(frozen=True, slots=True)
class EtcdEndpoint:
    """One server. `host` has brackets if it is an IPv6 address."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> EtcdEndpoint:
        """Read `http://`, `https://` or bare `HOST:PORT` (plain text, as Calico does). Raises ValueError."""
        url = url.strip()
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port or DEFAULT_PORT
        except ValueError as error:
            raise ValueError(f"etcd endpoint: {error}") from None
        if parts.username or parts.password:
            raise ValueError("etcd endpoint: remove the credentials from the URL; use ETCD_USERNAME and ETCD_PASSWORD")
        if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
            raise ValueError(f"etcd endpoint {url!r}: expected http://HOST:PORT or https://HOST:PORT")
        return cls(f"[{host}]" if ":" in host else host, port, parts.scheme == "https")

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}"


@dataclass(frozen=True, slots=True)
class EtcdAccess:
    """Servers and credentials; an empty field is not given. Times are in seconds.

    Certificates are PEM files, which are read again at every connect, or PEM texts. Without a CA the system's
    certificate authorities are trusted. User and password count only together.
    """

    endpoints: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    ca_cert_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_cert: str = ""
    cert: str = ""
    key: str = field(default="", repr=False)
    timeout: float = 10
    keepalive_interval: float = 30
    keepalive_timeout: float = 10

    def problems(self) -> tuple[str, ...]:
        """One text for each error in the settings."""
        found = []
        if not self.endpoints:
            found.append("no etcd endpoints given: set ETCD_ENDPOINTS to http(s)://HOST:PORT, comma-separated")
        for url in self.endpoints:
            try:
                EtcdEndpoint.parse(url)
            except ValueError as error:
                found.append(str(error))
        if bool(self.cert_file) != bool(self.key_file) or bool(self.cert) != bool(self.key):
            found.append("an etcd client certificate needs its key and the key its certificate: set both or neither")
        if (self.ca_cert_file or self.cert_file or self.key_file) and (self.ca_cert or self.cert or self.key):
            found.append("etcd certificates are given both as files and as texts: use one of the two")
        return tuple(found)
