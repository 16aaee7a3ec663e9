"""GET requests to the API server: credentials, pace, refusals. Used by the threads of all kinds at once."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from otel_calico import __version__
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.access import Access
from otel_calico.datastores.kubernetes.bearer_token import BearerToken
from otel_calico.datastores.kubernetes.connection import Connection
from otel_calico.datastores.kubernetes.errors import Question, Refusal, failed, refused
from otel_calico.datastores.kubernetes.rate import RequestRate
from otel_calico.datastores.source import HistoryLostError

CHUNK = 65536
_HEADERS = {"Accept": "application/json", "User-Agent": f"otel-calico/{__version__}"}
_BROKEN = (OSError, http.client.HTTPException, ValueError)  # ValueError: another thread has closed the file
_MOST_WAITS = 5
_LONGEST_WAIT = 60.0  # seconds; whatever Retry-After says
_MOST_IDLE = 16
_TOO_NEW = "Too large resource version"  # of a server whose etcd went back in time, say from a backup


class AbsentError(Exception):
    """The server has no such resource (404)."""


class Status(msgspec.Struct, rename="camel", frozen=True):
    """The API's answer where it is not what was asked for; also the object of an ERROR event."""

    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ClientPace:
    """`timeout`: seconds to connect, and between two parts of an answer; the others as client-go's."""

    timeout: float = 30
    queries_per_second: float = 5
    burst: int = 100


class Answer:
    """The body of a good answer, as it comes."""

    def __init__(self, api: ApiServer, connection: Connection, response: http.client.HTTPResponse) -> None:
        self._api, self._connection, self._response = api, connection, response
        self._reading = False
        self.closed = False

    def chunks(self) -> Iterator[bytes]:
        """The body, to be taken once; ends early only if it was closed. Raises DatastoreError."""
        self._reading = True
        try:
            with self._api.errors_explained():
                while chunk := self._response.read1(CHUNK):
                    yield chunk
        except DatastoreError:
            if not self.closed:
                raise
        finally:
            self._api.done(self._connection, self._response)

    def close(self) -> None:
        """Give the body up; from any thread."""
        self.closed = True
        self._connection.cut()
        if not self._reading:  # else the reader is woken and puts away what it reads from
            self._api.done(self._connection, self._response)


class ApiServer:
    """One API server. Connections are kept for the next request where the whole answer was read."""

    def __init__(self, access: Access, pace: ClientPace) -> None:
        self._access = access
        self._pace = pace
        self._token = BearerToken(access)
        self._rate = RequestRate(pace.queries_per_second, pace.burst)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closed = threading.Event()

    def get(
        self, question: Question, path: str, parameters: Mapping[str, str] | None = None, silence: float | None = None
    ) -> Answer:
        """Ask. `silence`: seconds that may lie between two parts of the answer, if not the usual.

        Raises AbsentError, HistoryLostError, and DatastoreError for all else. Waits and asks again where the server
        says so (429).
        """
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        waits, renewed = 0, False
        while True:
            self._wait(self._rate.delay())
            token = self._token.current()
            with self.errors_explained():
                connection, response = self._exchange(target, token)
                if response.status == 200:
                    connection.allow_silence(silence or self._pace.timeout)
                    return Answer(self, connection, response)
                try:
                    refusal = _refusal(response)
                finally:
                    self.done(connection, response)
            if refusal.status == 401 and not renewed and self._token.renewed(token):
                renewed = True
            elif refusal.status == 429 and waits < _MOST_WAITS:
                waits += 1
                after = 1 if refusal.retry_after is None else min(refusal.retry_after, _LONGEST_WAIT)
                self._wait(after + random.uniform(0, after / 2))  # noqa: S311 - spreads the nodes
            else:
                raise self._error(question, refusal)

    @contextlib.contextmanager
    def errors_explained(self) -> Iterator[None]:
        """Turn what breaks a connection into DatastoreError."""
        try:
            yield
        except _BROKEN as error:
            raise DatastoreError(f"{self._access.server}: {failed(error)}") from error

    def done(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        """Take a connection back: for the next request if its answer was read to the end, else it is cut."""
        if connection not in self._busy:
            return
        self._busy.discard(connection)
        whole = response.isclosed() and connection.sock is not None
        if whole and len(self._idle) < _MOST_IDLE and not self._closed.is_set():
            self._idle.append(connection)
        else:
            connection.cut()
            connection.close()

    def close(self) -> None:
        """End for good: whoever waits gets DatastoreError."""
        self._closed.set()
        for connection in tuple(self._busy):
            connection.cut()
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, target: str, token: str) -> tuple[Connection, http.client.HTTPResponse]:
        headers = _HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
        while True:
            kept = self._kept()
            connection = kept or Connection(self._access, self._pace.timeout)
            self._busy.add(connection)
            try:
                if kept is None:
                    connection.connect()
                connection.allow_silence(self._pace.timeout)
                self._wait(0)
                connection.request("GET", connection.path_prefix + target, headers=headers)
                return connection, connection.getresponse()
            except BaseException as error:
                self._busy.discard(connection)
                connection.close()
                if kept is None or not isinstance(error, ConnectionError):
                    raise  # else the server had ended a kept connection in the meantime: ask on a new one

    def _kept(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _wait(self, seconds: float) -> None:
        """Wait, unless this was closed, which raises DatastoreError."""
        if self._closed.wait(seconds) if seconds else self._closed.is_set():
            raise DatastoreError("stopped")

    def _error(self, question: Question, refusal: Refusal) -> Exception:
        if refusal.status == 404:
            return AbsentError(str(question))
        if refusal.status == 410 or (refusal.status == 504 and _TOO_NEW in refusal.message):
            return HistoryLostError(refusal.message)
        return DatastoreError(f"{self._access.server}: {refused(question, refusal, self._access.credentials)}")


def _refusal(response: http.client.HTTPResponse) -> Refusal:
    body = response.read(CHUNK)
    while response.read(CHUNK):  # to its end, without holding it
        pass
    try:
        message = msgspec.json.decode(body, type=Status).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        message = body.decode(errors="replace").strip()[:200]
    retry_after = response.headers.get("Retry-After", "")
    return Refusal(response.status, message or response.reason, float(retry_after) if retry_after.isdecimal() else None)
