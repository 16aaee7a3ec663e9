"""Accepts connections, does TLS handshakes, and limits how many there are. Runs on the event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl

import structlog

from otel_calico.web.authentication import Authentication
from otel_calico.web.client_connection import ClientConnection, TimeLimits

log = structlog.get_logger(__name__)

CONNECTIONS = 128
"""Open at once. For one more, the one that is silent for longest is cut."""
HANDSHAKES = 64
"""Under way at once, likewise."""
HANDSHAKE_SECONDS = 5.0
_FULL_SECONDS = 0.1  # until the next try when no file descriptor is left


class Listener:
    """All connections of one listening socket, which it closes in the end."""

    def __init__(self, listener: socket.socket, authentication: Authentication, limits: TimeLimits) -> None:
        listener.settimeout(0)
        self._listener = listener
        self._authentication = authentication
        self._limits = limits
        self._connections: dict[ClientConnection, None] = {}
        self._handshakes: dict[asyncio.Task[None], None] = {}

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                log.debug("http_error", error=str(error))
                self._make_room()
                await asyncio.sleep(_FULL_SECONDS)
                continue
            if len(self._connections) + len(self._handshakes) >= CONNECTIONS:
                self._make_room()
            if len(self._handshakes) >= HANDSHAKES:
                next(iter(self._handshakes)).cancel()
            self._begin(client)
            await asyncio.sleep(0)  # in a burst `sock_accept` never waits, and nobody else would get a turn

    def _begin(self, client: socket.socket) -> None:
        handshake = asyncio.get_running_loop().create_task(self._connect(client))
        self._handshakes[handshake] = None

        def end(ended: asyncio.Task[None]) -> None:
            del self._handshakes[ended]
            if ended.cancelled():
                client.close()

        handshake.add_done_callback(end)

    def retire(self) -> None:
        """End all connections, each after the answer under way, and handshakes, which prove what counted until now."""
        for handshake in list(self._handshakes):
            handshake.cancel()
        for connection in list(self._connections):
            connection.retire()

    async def close(self, seconds: float) -> None:
        """Accept no more; end all connections, each after the answer under way or when the time is over."""
        self._listener.close()
        self.retire()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._connections and loop.time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)

    async def _connect(self, client: socket.socket) -> None:
        context = self._authentication.protection.context
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: ClientConnection(self._authentication.answer, self._limits, self._connections),
                client,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
                ssl_shutdown_timeout=HANDSHAKE_SECONDS if context else None,
            )
        except (OSError, ssl.SSLError) as error:
            log.debug("http_error", error=str(error))

    def _make_room(self) -> None:
        longest = next((one for one in self._connections if one.waits), next(iter(self._connections), None))
        if longest:
            del self._connections[longest]  # at once, so that nobody counts on it until the loop has told it
            longest.cut()
