"""The HTTP server: one thread with an event loop for all connections, and worker threads that run the handlers."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from otel_calico.web.authentication import Authentication, Probes
from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.listener import Listener
from otel_calico.web.message import Request, Response
from otel_calico.web.protection import Protection, ProtectionFile

log = structlog.get_logger(__name__)

THREADS = 16
STOP_SECONDS = 1.8
FOLLOW_SECONDS = 1.0
"""How often the web configuration file is looked at."""


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to set."""


class HttpServer:
    """Serves an application on one address from `start` to `stop`; no access log.

    `answer` is called on one of `THREADS` threads for each request but `probes.alive`. However many clients are slow,
    none holds one.
    """

    def __init__(  # noqa: PLR0913 - a server has this many sides
        self,
        answer: Callable[[Request], Response],
        address: str,
        port: int,
        *,
        limits: TimeLimits | None = None,
        probes: Probes | None = None,
        file: ProtectionFile | None = None,
    ) -> None:
        self._address = address
        self._port = port
        self._limits = limits or TimeLimits()
        self._file = file
        self._workers = ThreadPoolExecutor(THREADS, "http-worker")
        self._authentication = Authentication(
            answer, probes or Probes(), file.current if file else Protection(), self._workers
        )
        self._stop: Callable[[], object] = lambda: None
        self._serving = threading.Event()
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
        where = (self._address, self._port)
        try:
            listener = socket.create_server(where, family=family, dualstack_ipv6=both, backlog=128)
        except OSError as error:
            raise ListenError(self._explain(error)) from error
        self._port = listener.getsockname()[1]
        self._listener = Listener(listener, self._authentication, self._limits)
        self._thread.start()
        self._serving.wait()

    def stop(self) -> None:
        """Stop serving, within 2 seconds; requests that are not done by then are cut. Nothing if never started."""
        if self._thread.is_alive():
            self._stop()
            self._thread.join(2)

    # --- on the server's thread ---

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._authentication.close()
            self._workers.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_failure)
        tasks = [loop.create_task(self._listener.run())]
        if self._file:
            tasks.append(loop.create_task(self._follow(self._file)))
        stopped = asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        self._serving.set()
        await stopped.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.close(STOP_SECONDS)

    async def _follow(self, file: ProtectionFile) -> None:
        """Put each change of the file into effect. Clients that shook hands under the former one come again."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            former = self._authentication.protection
            if file.follow():
                self._authentication.protection = file.current
                if former.context or file.current.context:  # a password is asked for with each request anyway
                    self._listener.retire()

    def _explain(self, error: OSError) -> str:
        where = f"{self._address} port {self._port}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is in use by another process; stop it or set METRICS_SERVER_PORT to a free port"
        return f"cannot listen on {where}: {error}"


def _log_failure(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    log.debug("http_error", error=str(context.get("exception") or context.get("message")))
