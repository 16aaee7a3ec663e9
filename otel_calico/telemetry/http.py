"""The HTTP server around the endpoints: few threads, and a time limit for every request."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from cheroot.server import HTTPConnection
from cheroot.wsgi import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger(__name__)

THREADS = 16
IDLE_SECONDS = 3
"""How long a connection may be silent."""
REQUEST_SECONDS = 10.0
"""How long one request may take from its first byte to the last of its answer, however slowly a client drips."""
WATCH_SECONDS = 1.0
"""How often requests are looked at for that."""


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to set."""


class HttpServer:
    """Serves a WSGI application on one address from `start` to `stop`; no access log."""

    def __init__(
        self, application: WSGIApplication, address: str, port: int, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._address = address
        self._server = _TimedServer(
            (address, port),
            application,
            numthreads=THREADS,
            max=THREADS,
            server_name="otel-calico",
            request_queue_size=128,
            timeout=IDLE_SECONDS,
            shutdown_timeout=1,
        )
        self._server.request_seconds = request_seconds
        self._server.max_request_header_size = 16 * 1024
        self._server.max_request_body_size = 1024
        self._server.error_log = _log_error  # type: ignore[method-assign] # cheroot documents this
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port listened on; the one the kernel chose if 0 was asked for."""
        return int(self._server.bind_addr[1])

    def start(self) -> None:
        """Listen and serve. Raises ListenError.

        `::` listens for IPv4 too; on a node without IPv6 it falls back to `0.0.0.0`.
        """
        if self._address == "::" and not socket.has_dualstack_ipv6():
            self._address = "0.0.0.0"  # noqa: S104 - as `::` was asked for
            self._server.bind_addr = (self._address, self._server.bind_addr[1])
        try:
            self._probe()
            self._server.prepare()
        except OSError as error:
            raise ListenError(self._explain(error)) from error
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, within 2 seconds; requests that are not done by then are cut. Nothing if never started."""
        if not self._thread.is_alive():
            return
        stopper = threading.Thread(target=self._server.stop, name="http-stop", daemon=True)
        stopper.start()
        stopper.join(1.8)
        self._thread.join(0.2)

    def _probe(self) -> None:
        """Try the address: cheroot leaves a socket open and the error's number out when it cannot have it."""
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        both = self._address == "::"
        socket.create_server(self._server.bind_addr, family=family, dualstack_ipv6=both).close()

    def _explain(self, error: OSError) -> str:
        where = f"{self._address} port {self._server.bind_addr[1]}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is in use by another process; stop it or set METRICS_SERVER_PORT to a free port"
        return f"cannot listen on {where}: {error}"


class _TimedConnection(HTTPConnection):
    """Cheroot limits the silence between two bytes, not the time of a request: a client could drip for hours."""

    def communicate(self) -> Any:
        """Serve one request, or have the connection cut when the time is over."""
        due = self.server.due
        due[self] = time.monotonic() + self.server.request_seconds
        try:
            return super().communicate()  # type: ignore[no-untyped-call]
        finally:
            del due[self]

    def cut(self) -> None:
        """End the connection; whoever waits for its next byte is told at once."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class _TimedServer(Server):
    """Cuts connections that are over their time. One thread looks at all of them."""

    ConnectionClass = _TimedConnection
    request_seconds = REQUEST_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.due: dict[_TimedConnection, float] = {}
        self._stopped = threading.Event()

    def serve(self) -> None:
        """Serve until `stop`."""
        threading.Thread(target=self._watch, name="http-watch", daemon=True).start()
        super().serve()

    def stop(self) -> None:
        """End serving."""
        self._stopped.set()
        super().stop()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            now = time.monotonic()
            for connection, due in list(self.due.items()):
                if due < now:
                    connection.cut()


def _log_error(msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: FBT001, FBT002, ARG001 - cheroot's signature
    log.debug("http_error", error=msg, level=level)
