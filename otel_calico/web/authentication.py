"""Checks the client certificate and the user of each request, and passes it to a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus

import structlog

from otel_calico.web.client_connection import Peer, Reply
from otel_calico.web.message import Request, Response, plain
from otel_calico.web.protection import Protection
from otel_calico.web.users import Credentials, Users, credentials

log = structlog.get_logger(__name__)

_NO_CERTIFICATE = plain(HTTPStatus.FORBIDDEN, "This server asks for a client certificate that it knows.")
_FAILED = plain(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; the log says more.")
_NO_USER = plain(
    HTTPStatus.UNAUTHORIZED,
    "Authentication required (HTTP Basic).",
    ("WWW-Authenticate", 'Basic realm="otel-calico", charset="UTF-8"'),
)


@dataclass(frozen=True, slots=True)
class Probes:
    """Paths that are answered to clients that cannot prove who they are, too; `alive` at once, on any thread."""

    paths: frozenset[str] = frozenset()
    alive: str = ""


class Authentication:
    """Answers requests by the protection that holds now. Runs on the server's event loop."""

    def __init__(
        self, application: Callable[[Request], Response], probes: Probes, protection: Protection, pool: Executor
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

    def answer(self, request: Request, peer: Peer, reply: Reply) -> None:
        """Have the application answer, or a refusal: `reply` is called with it, on the loop, unless the server ends."""
        protection, loop = self.protection, asyncio.get_running_loop()

        def finish(response: Response) -> None:
            response = response.with_headers(protection.headers) if protection.headers else response
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(reply, response)

        self._guard(request, finish, lambda: self._let_in(protection, request, peer, finish))

    def _let_in(self, protection: Protection, request: Request, peer: Peer, finish: Reply) -> None:
        if not protection.accepts(peer.certificate):
            self._refuse(request, _NO_CERTIFICATE, finish)
        elif protection.users is None:
            self._pass_on(request, finish)
        else:
            self._check_user(protection.users, request, finish)

    def _check_user(self, users: Users, request: Request, finish: Reply) -> None:
        claim = credentials(request.headers.get("authorization", ""))
        if claim is None:
            self._refuse(request, _NO_USER, finish)
        elif users.remembers(claim):
            self._pass_on(request, finish)
        else:
            self._hashing.submit(self._guard, request, finish, lambda: self._verify(users, claim, request, finish))

    def _verify(self, users: Users, claim: Credentials, request: Request, finish: Reply) -> None:
        if users.verify(claim):
            self._pass_on(request, finish)
        else:
            self._refuse(request, _NO_USER, finish)

    def _refuse(self, request: Request, refusal: Response, finish: Reply) -> None:
        """Probes are answered all the same, with less in it."""
        if request.path in self._probes.paths:
            self._pass_on(replace(request, admitted=False), finish)
        else:
            finish(refusal)

    def _pass_on(self, request: Request, finish: Reply) -> None:
        if request.path == self._probes.alive:  # all workers may wait for a scan
            self._guard(request, finish, lambda: finish(self._application(request)))
            return
        self._pool.submit(self._guard, request, finish, lambda: finish(self._application(request)))

    def _guard(self, request: Request, finish: Reply, do: Callable[[], object]) -> None:
        """Do a part of the work, on whichever thread; what it raises is an answer too."""
        try:
            do()
        except Exception:
            log.exception("request_failed", path=request.path)
            finish(_FAILED)
