"""One HTTP connection to the API server, which another thread can cut off."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.access import Access

_KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""A watch may be silent for minutes: the kernel asks whether the other side still lives. Seconds, and how often."""


class Connection(http.client.HTTPConnection):
    """Not connected yet; certificates are read when it is, so that rotated ones count."""

    def __init__(self, access: Access, timeout: float) -> None:
        parts = urlsplit(access.server)
        self._access = access
        self._tls = parts.scheme == "https"
        self.path_prefix = parts.path.rstrip("/")
        self._connected: socket.socket | None = None  # `sock` forgets it where the server ends it after the answer
        super().__init__(parts.hostname or "", parts.port or (443 if self._tls else 80), timeout=timeout)

    def connect(self) -> None:
        """Connect and shake hands. Raises OSError, or DatastoreError for certificate files that cannot be read."""
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

    def allow_silence(self, seconds: float) -> None:
        """How long to wait for the next bytes before giving up."""
        if self._connected is not None:
            self._connected.settimeout(seconds)

    def cut(self) -> None:
        """End what another thread sends or waits for; it gets an error or the end of the answer."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                # Past TLS, whose own state belongs to the thread that reads.
                socket.socket.shutdown(self._connected, socket.SHUT_RDWR)


def tls_context(access: Access) -> ssl.SSLContext:
    """How the server is verified, and our certificate. Raises DatastoreError for files that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None, cadata=access.ca or None)
    except (OSError, ValueError) as error:
        raise DatastoreError(_unreadable(access.ca_file or "the CA of the kubeconfig", error)) from error
    # Python 3.13 asks more of authorities than Kubernetes distributions give theirs; client-go does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.cert_file or access.cert:
        with _as_file(access.cert, access.cert_file) as certificate, _as_file(access.key, access.key_file) as key:
            try:
                context.load_cert_chain(certificate, key)
            except OSError as error:
                raise DatastoreError(
                    _unreadable(access.cert_file or "the client certificate of the kubeconfig", error)
                ) from error
    return context


@contextlib.contextmanager
def _as_file(text: str, file: str) -> Iterator[Path]:
    """A file with the text, in memory alone: OpenSSL reads certificates of ours only from files."""
    if not text:
        yield Path(file)
        return
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, text.encode())
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _unreadable(what: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "it is not PEM"
    return f"cannot use {what} for the Kubernetes API: {reason}"
