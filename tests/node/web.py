"""HTTP requests into a namespace and out of this process."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.node.namespace import Namespace


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


def fetch(
    url: str,
    *,
    namespace: Namespace | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    seconds: float = 10.0,
) -> Response:
    """GET, or POST a body, on 127.0.0.1 of this or another namespace. Raises OSError if nobody answers."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    family, kind = socket.AF_INET, socket.SOCK_STREAM
    connection = http.client.HTTPConnection(host, port)
    peer = namespace.socket(family, kind) if namespace else socket.socket(family, kind)
    with peer:
        peer.settimeout(seconds)
        peer.connect((host, port))
        connection.sock = tls.wrap_socket(peer, server_hostname=host) if tls else peer
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("GET" if body is None else "POST", path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
    return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)


def answers(url: str, *, namespace: Namespace | None = None, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a GET is answered with status 200 now."""
    try:
        return fetch(url, namespace=namespace, tls=tls, seconds=2).status == 200
    except (OSError, http.client.HTTPException):
        return False
