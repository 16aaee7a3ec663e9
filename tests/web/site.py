"""A server with a web configuration file, its authorities and its clients."""

from __future__ import annotations

import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, Self

import bcrypt
import trustme
import yaml

from otel_calico.web.authentication import Probes
from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.message import Request, Response, plain
from otel_calico.web.protection import ProtectionFile
from otel_calico.web.server import HttpServer

PROBE, PAGE = "/healthz", "/metrics"
PROBES = Probes(frozenset({PROBE}), alive=PROBE)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def hashed(password: str, cost: int = 4) -> str:
    """As it stands in the file."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def echo(request: Request) -> Response:
    """An application that tells what it was asked."""
    admitted = "admitted" if request.admitted else "not admitted"
    return plain(HTTPStatus.OK, f"{request.method} {request.path} {request.query} {admitted}".replace("  ", " "))


class Site:
    """Serves `echo` as its file says. Relative paths in the file begin at its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "web.yml"
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.renew()
        self.file: ProtectionFile | None = None

    def renew(self, not_after: datetime | None = None) -> None:
        """Give the server a new certificate."""
        made = self.authority.issue_cert("localhost", not_after=not_after)
        made.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        (self.folder / "cert.pem").write_bytes(chain)

    def write(self, **sections: Any) -> Self:
        """Write the file."""
        self.path.write_text(yaml.safe_dump(sections))
        return self

    def write_tls(self, **more: Any) -> Self:
        """Write a file that turns TLS on."""
        return self.write(tls_server_config={"cert_file": "cert.pem", "key_file": "key.pem", **more})

    def start(self, limits: TimeLimits | None = None) -> Self:
        """Serve."""
        self.file = ProtectionFile(self.path) if self.path.exists() else None
        self.server = HttpServer(echo, "127.0.0.1", 0, limits=limits, probes=PROBES, file=self.file)
        self.server.start()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def trusting(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """A client that trusts the site, with a certificate of its own or without."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if certificate:
            certificate.configure_cert(context)
        return context

    def ask(
        self, path: str = PAGE, context: ssl.SSLContext | None = None, user: str = "", port: int = 0
    ) -> tuple[int, str]:
        """Status and text of the answer to one client; `user` is `NAME:PASSWORD`.

        `port` is that of another server of the same certificate. Raises OSError as `ssl` does."""
        port = port or self.server.port
        connection = (
            HTTPSConnection("localhost", port, timeout=20, context=context)
            if context
            else HTTPConnection("127.0.0.1", port, timeout=20)
        )
        headers = {"Authorization": "Basic " + b64encode(user.encode()).decode()} if user else {}
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode().strip()
        finally:
            connection.close()
