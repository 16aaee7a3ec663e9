"""One HTTP connection to the API server that any thread can shut down."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from urllib.parse import urlsplit

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.files import as_file

_KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""Seconds, and the number of probes: a watch may be silent for minutes although the server is gone."""


class ApiConnection(http.client.HTTPConnection):
    """Created unconnected. Certificates are read at the connect, so that rotated files take effect."""

    def __init__(self, access: ApiAccess, timeout: float) -> None:
        parts = urlsplit(access.server)
        self._access = access
        self._tls = parts.scheme == "https"
        self.path_prefix = parts.path.rstrip("/")
        self._connected: socket.socket | None = None  # unlike `sock`, kept when the server closes after the response
        super().__init__(parts.hostname or "", parts.port or (443 if self._tls else 80), timeout=timeout)

    def connect(self) -> None:
        """Connect, with TLS if the URL says so. Raises OSError, or DatastoreError for unreadable certificates."""
        context = tls_context(self._access) if self._tls else None
        connected = socket.create_connection((self.host, self.port), self.timeout)
        try:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE.items():
                connected.setsockopt(socket.IPPROTO_TCP, option, value)
            name = self._access.server_name or self.host
            self.sock = context.wrap_socket(connected, server_hostname=name) if context else connected
            self._connected = self.sock
        except BaseException:
            connected.close()
            raise

    def set_read_timeout(self, seconds: float) -> None:
        """Limit the wait for the next bytes."""
        if self._connected is not None:
            self._connected.settimeout(seconds)

    def shut_down(self) -> None:
        """End what another thread sends or reads: it gets an error, or the end of the response. Thread-safe."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                # Not `SSLSocket.shutdown`: it changes TLS state that belongs to the reading thread.
                socket.socket.shutdown(self._connected, socket.SHUT_RDWR)


def tls_context(access: ApiAccess) -> ssl.SSLContext:
    """Verification of the server, and the client certificate. Raises DatastoreError for unreadable files."""
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None, cadata=access.ca or None)
    except (OSError, ValueError) as error:
        raise DatastoreError(_unreadable(access.ca_file or "the CA of the kubeconfig", error)) from error
    # Python 3.13 rejects the CA certificates of some Kubernetes distributions as incomplete; client-go accepts them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.cert_file or access.cert:
        with as_file(access.cert, access.cert_file) as certificate, as_file(access.key, access.key_file) as key:
            try:
                context.load_cert_chain(certificate, key)
            except OSError as error:
                name = access.cert_file or "the client certificate of the kubeconfig"
                raise DatastoreError(_unreadable(name, error)) from error
    return context


def _unreadable(name: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "it is not PEM"
    return f"cannot use {name} for the Kubernetes API: {reason}"
