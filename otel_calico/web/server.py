"""The HTTP server: a thread that talks to all clients at once, and a few more that work out the answers."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import structlog

from otel_calico.web.connection import Connection, Peer, TimeLimits
from otel_calico.web.message import Request, Response, plain

log = structlog.get_logger(__name__)

THREADS = 16
CONNECTIONS = 256
"""Open at once. For one more, the one that is silent for longest is cut."""
STOP_SECONDS = 1.8


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to set."""


class HttpServer:
    """Serves an application on one address from `start` to `stop`; no access log.

    `answer` is called on one of `THREADS` threads for each request. However many clients are slow, none holds one.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response],
        address: str,
        port: int,
        limits: TimeLimits | None = None,
    ) -> None:
        self._answer = answer
        self._address = address
        self._port = port
        self._limits = limits or TimeLimits()
        self._connections: dict[Connection, None] = {}
        self._workers = ThreadPoolExecutor(THREADS, "http-worker")
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port listened on; the one the kernel chose if 0 was asked for."""
        return self._port

    def start(self) -> None:
        """Listen and serve. Raises ListenError.

        `::` listens for IPv4 too; on a node without IPv6 it falls back to `0.0.0.0`.
        """
        if self._address == "::" and not socket.has_dualstack_ipv6():
            self._address = "0.0.0.0"  # noqa: S104 - as `::` was asked for
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        both = self._address == "::"
        try:
            self._socket = socket.create_server(
                (self._address, self._port), family=family, dualstack_ipv6=both, backlog=128
            )
        except OSError as error:
            raise ListenError(self._explain(error)) from error
        self._port = self._socket.getsockname()[1]
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, within 2 seconds; requests that are not done by then are cut. Nothing if never started."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(2)

    # --- on the server's thread ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_log_failure)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connect, sock=self._socket)
        await self._stopped.wait()
        server.close()
        for connection in list(self._connections):
            connection.retire()
        deadline = self._loop.time() + STOP_SECONDS
        while self._connections and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _connect(self) -> Connection:
        if len(self._connections) >= CONNECTIONS:
            longest = next((one for one in self._connections if one.waits), next(iter(self._connections)))
            longest.cut()
        return Connection(self._respond, self._limits, self._connections)

    async def _respond(self, request: Request, _: Peer) -> Response:
        try:
            return await self._loop.run_in_executor(self._workers, self._answer, request)
        except Exception:
            log.exception("request_failed", path=request.path)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; the log says more.")

    def _explain(self, error: OSError) -> str:
        where = f"{self._address} port {self._port}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is in use by another process; stop it or set METRICS_SERVER_PORT to a free port"
        return f"cannot listen on {where}: {error}"


def _log_failure(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    log.debug("http_error", error=str(context.get("exception") or context.get("message")))
