"""One client connection: bytes to requests, responses to bytes. Runs on the event loop and never blocks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools

from otel_calico.web.message import Request, Response, plain

HEAD_BYTES = 16 * 1024
"""The longest request there may be."""
PIECE = 64 * 1024  # bytes: what a connection holds of an answer that its client does not take
BAD_REQUEST = plain(HTTPStatus.BAD_REQUEST, "Not a request that this server understands.")
TOO_LARGE = plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request is too long.")
NO_BODY = plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Requests with a body are not taken.")


@dataclass(frozen=True, slots=True)
class Peer:
    """The client. `certificate` is what `ssl` tells of a verified client certificate, None without one."""

    certificate: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `request`: to send a request, and again to get its answer, however slowly the client drips.
    `idle`: between two requests; longer than scrapes are apart, so that each need not connect and shake hands anew.
    """

    request: float = 10.0
    idle: float = 150.0


Reply = Callable[[Response], None]
Answer = Callable[[Request, Peer, Reply], None]
"""Has a request answered: the reply is called with the answer, on the event loop."""


class ClientConnection(asyncio.Protocol):
    """Reads one request after the other and writes their answers."""

    def __init__(self, answer: Answer, limits: TimeLimits, connections: dict[ClientConnection, None]) -> None:
        self._answer = answer
        self._limits = limits
        self._connections = connections  # all that are open, the one that is silent for longest first
        self._loop = asyncio.get_running_loop()
        self._answering = False  # from a whole request to the last byte of its answer
        self._writable = True
        self._unsent: memoryview | None = None  # of the answer that is being written
        self._last = False  # no request after this one
        self._begin()

    def _begin(self) -> None:
        """Be ready for the next request."""
        self._parser = httptools.HttpRequestParser(self)
        self._read = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._refused: Response | None = None

    # --- called by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, and shook hands if TLS is on."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1)
        tls = transport.get_extra_info("ssl_object")
        self._peer = Peer(tls.getpeercert() or None) if tls else Peer()
        self._connections[self] = None
        self._timer = self._loop.call_later(self._limits.request, self.cut)

    def connection_lost(self, _: Exception | None) -> None:
        """The connection ended, by whomever."""
        self._timer.cancel()
        self._connections.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Some bytes arrived."""
        if self._last:
            return
        begins = self._read == 0
        room = max(0, HEAD_BYTES + 1 - self._read)
        self._read += len(data)
        try:
            self._parser.feed_data(data[:room])
        except httptools.HttpParserUpgrade as upgrade:
            # The request is whole; what it asks to switch to is not offered.
            self._last |= upgrade.args[0] < len(data)
        except httptools.HttpParserError:
            self._refuse(BAD_REQUEST)
        if self._read > HEAD_BYTES:
            self._refuse(TOO_LARGE)
        if begins and not self._answering:
            self._allow(self._limits.request)

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        self._writable = False

    def resume_writing(self) -> None:
        """The client took all that was written."""
        self._writable = True
        self._write_on()

    # --- called by httptools ---

    def on_message_begin(self) -> None:
        """A request begins. One that was sent without waiting for an answer is not read; the client will ask again."""
        if self._answering:
            self._last = True

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, _: bytes) -> None:
        """A part of a body."""
        self._refused = NO_BODY

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._answering:
            return
        self._answering = True
        self._timer.cancel()
        self._last = not self._parser.should_keep_alive()
        self._transport.pause_reading()
        request = self._request()
        self._with_body = request.method != "HEAD"
        if self._refused:
            self._loop.call_soon(self._reply, self._refused)
        else:
            self._answer(request, self._peer, self._reply)
        self._headers = {}  # what comes after it belongs to another request

    # --- ---

    def _reply(self, response: Response) -> None:
        """Write an answer, piece by piece, as the client takes it."""
        if self._transport.is_closing():
            return
        head = response.head(_now(), close=self._last)
        body = memoryview(response.body if self._with_body else b"")
        self._unsent = body[PIECE:]
        self._transport.write(head + body[:PIECE])
        self._write_on()
        if self._answering:  # the client is in no hurry
            self._allow(self._limits.request)

    def _write_on(self) -> None:
        while self._unsent and self._writable:
            piece, self._unsent = self._unsent[:PIECE], self._unsent[PIECE:]
            self._transport.write(piece)
        if self._unsent is not None and self._writable:
            self._unsent = None
            self._end_answer()

    def _end_answer(self) -> None:
        self._answering = False
        if self._last:
            self._transport.close()
            return
        self._begin()
        if self in self._connections:  # the last of them again
            self._connections[self] = self._connections.pop(self)
        self._allow(self._limits.idle)
        self._transport.resume_reading()

    def _request(self) -> Request:
        method = self._parser.get_method().decode("latin-1")
        try:
            url = httptools.parse_url(self._target)
        except httptools.HttpParserError:
            self._refused = BAD_REQUEST
            return Request(method, "")
        path, query = url.path or b"/", url.query or b""
        return Request(method, path.decode("latin-1"), query.decode("latin-1"), self._headers)

    def _refuse(self, response: Response) -> None:
        """Answer what is no request, and end; after the answer under way, if there is one, without a word."""
        if not self._answering and not self._last:
            self._transport.write(response.head(_now(), close=True) + response.body)
            self._transport.close()
        self._last = True

    def _allow(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.cut)

    # --- called by the server ---

    @property
    def waits(self) -> bool:
        """Whether there is no whole request to answer."""
        return not self._answering

    def retire(self) -> None:
        """End after the answer under way."""
        self._last = True
        if not self._answering:
            self._transport.close()

    def cut(self) -> None:
        """End at once."""
        with suppress(RuntimeError):  # the loop may be ending
            self._transport.abort()


def _now() -> str:
    """The date in the form of RFC 9110. The service leaves the locale as it is, in which names are English."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
