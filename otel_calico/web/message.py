"""Request and response, as the handlers of paths see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import parse_qsl

Headers = tuple[tuple[str, str], ...]

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body, which no endpoint takes.

    `path` and `query` are as sent, percent-encoded. Names in `headers` are in lower case; of several the last counts.
    `admitted` is False for a client that did not prove who it is where that is asked; it is answered on probes only.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    admitted: bool = True

    def parameter(self, name: str) -> str:
        """A field of the query, decoded; the first of several, empty if there is none."""
        return next((text for key, text in parse_qsl(self.query) if key == name), "")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, whole. Content-Length and the end of the connection are the server's to say."""

    status: HTTPStatus
    body: bytes
    headers: Headers = (("Content-Type", PLAIN),)

    def with_headers(self, more: Mapping[str, str]) -> Response:
        """The same with headers added, or put in place of those it has of the name."""
        kept = (pair for pair in self.headers if pair[0] not in more)
        return replace(self, headers=(*kept, *more.items()))

    def head(self, date: str, *, close: bool) -> bytes:
        """The status line and the headers, with the empty line after them. `date` is in the form of RFC 9110."""
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Date: {date}")
        lines.append(f"Content-Length: {len(self.body)}")
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1", errors="replace")


Route = Callable[[Request], Response]
"""Answers the requests of one path."""


def plain(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    """An answer in words, one line or several."""
    return Response(status, f"{text}\n".encode(errors="replace"), (("Content-Type", PLAIN), *headers))
