"""Between connections and the application: lets in who may ask, and hands each request to a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus

import structlog

from otel_calico.web.connection import Peer
from otel_calico.web.message import Request, Response, plain
from otel_calico.web.protection import Protection
from otel_calico.web.users import credentials

log = structlog.get_logger(__name__)

_NO_CERTIFICATE = plain(HTTPStatus.FORBIDDEN, "This server asks for a client certificate that it knows.")
_FAILED = plain(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; the log says more.")
_NO_USER = plain(
    HTTPStatus.UNAUTHORIZED,
    "Who asks? Send user and password (HTTP basic authentication).",
    ("WWW-Authenticate", 'Basic realm="otel-calico", charset="UTF-8"'),
)


class Gate:
    """Answers requests by the protection that holds now. Runs on the server's event loop."""

    def __init__(
        self, application: Callable[[Request], Response], probes: frozenset[str], protection: Protection, pool: Executor
    ) -> None:
        self._application = application
        self._probes = probes
        self.protection = protection
        self._pool = pool
        # One thread, of its own: a flood of wrong passwords takes one core's time and nobody's turn.
        self._hashing = ThreadPoolExecutor(1, "http-password")

    def close(self) -> None:
        """End the thread that hashes passwords."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request, peer: Peer) -> Response:
        """The application's answer, or a refusal."""
        protection = self.protection
        try:
            response = await self._answer(protection, request, peer)
        except Exception:
            log.exception("request_failed", path=request.path)
            response = _FAILED
        return response.with_headers(protection.headers) if protection.headers else response

    async def _answer(self, protection: Protection, request: Request, peer: Peer) -> Response:
        refusal = await self._refusal(protection, request, peer)
        if refusal and request.path in self._probes:
            request, refusal = replace(request, admitted=False), None
        if refusal:
            return refusal
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._application, request)

    async def _refusal(self, protection: Protection, request: Request, peer: Peer) -> Response | None:
        if not protection.accepts(peer.certificate):
            return _NO_CERTIFICATE
        if protection.users is None:
            return None
        claim = credentials(request.headers.get("authorization", ""))
        if claim is None:
            return _NO_USER
        if protection.users.remembers(claim):
            return None
        verified = await asyncio.get_running_loop().run_in_executor(self._hashing, protection.users.verify, claim)
        return None if verified else _NO_USER
