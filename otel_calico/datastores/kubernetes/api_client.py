"""GET requests to the API server: credentials, rate limit, retries. Used by the threads of all kinds."""

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
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_connection import ApiConnection
from otel_calico.datastores.kubernetes.api_errors import (
    ApiRequest,
    ErrorResponse,
    describe_exception,
    describe_response,
)
from otel_calico.datastores.kubernetes.bearer_token import BearerToken
from otel_calico.datastores.kubernetes.rate_limiter import RateLimiter
from otel_calico.datastores.list_watch import RelistRequiredError

CHUNK = 65536
JSON = "application/json"
_USER_AGENT = f"otel-calico/{__version__}"
_CONNECTION_ERRORS = (OSError, http.client.HTTPException, ValueError)  # ValueError: another thread closed the file
_MAX_RETRIES = 5
_MAX_RETRY_AFTER = 60.0  # seconds, whatever Retry-After says
_MAX_IDLE_CONNECTIONS = 16
_NO_SUCH_PATH = "404 page not found"  # the API server's own words, and those of other programs in Go
_TOO_NEW = "Too large resource version"  # the server's etcd is older than before, for example restored from a backup


class NotFoundError(Exception):
    """The server has no such resource (404)."""


class Status(msgspec.Struct, rename="camel", frozen=True):
    """The API's `Status` object: the body of an error response, and the object of an ERROR event."""

    kind: str = ""
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`timeout`: seconds for the connect, and between two parts of a response. The others are those of client-go."""

    timeout: float = 30
    queries_per_second: float = 5
    burst: int = 100


class ResponseBody:
    """The body of a successful response, read as it arrives."""

    def __init__(self, client: ApiClient, connection: ApiConnection, response: http.client.HTTPResponse) -> None:
        self._client, self._connection, self._response = client, connection, response
        self._lock = threading.Lock()  # of what follows: a connection that was given back may be another request's
        self._reading = self._released = False
        self.closed = False

    def chunks(self) -> Iterator[bytes]:
        """The body; can be iterated once, and ends early only if it was closed. Raises DatastoreError."""
        self._reading = True
        try:
            with self._client.translated_errors():
                while chunk := self._response.read1(CHUNK):
                    yield chunk
        except DatastoreError:
            if not self.closed:
                raise
        finally:
            self._release()

    def close(self) -> None:
        """Stop reading. Thread-safe."""
        self.closed = True
        with self._lock:
            if self._released:
                return
            self._connection.shut_down()
        if not self._reading:  # else the reading thread gives the connection back
            self._release()

    def _release(self) -> None:
        with self._lock:
            if not self._released:
                self._released = True
                self._client.release(self._connection, self._response)


class ApiClient:
    """A client of one server. Keeps connections whose response was read to its end for the next request."""

    def __init__(self, access: ApiAccess, limits: ClientLimits) -> None:
        self._access = access
        self._limits = limits
        self._token = BearerToken(access)
        self._rate = RateLimiter(limits.queries_per_second, limits.burst)
        self._idle: list[ApiConnection] = []
        self._busy: set[ApiConnection] = set()
        self._closed = threading.Event()

    def get(
        self,
        request: ApiRequest,
        path: str,
        parameters: Mapping[str, str] | None = None,
        accept: str = JSON,
        read_timeout: float | None = None,
    ) -> ResponseBody:
        """Send a request. `read_timeout`: seconds between two parts of the body, if not the usual.

        Retries after 429, and after 401 if the token file has changed. Raises NotFoundError, RelistRequiredError, and
        DatastoreError for everything else.
        """
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        retries, renewed = 0, False
        while True:
            self._wait(self._rate.delay())
            token = self._token.current()
            with self.translated_errors():
                connection, response = self._exchange(target, accept, token)
                if response.status == 200:
                    connection.set_read_timeout(read_timeout or self._limits.timeout)
                    return ResponseBody(self, connection, response)
                try:
                    error = _error_response(response)
                finally:
                    self.release(connection, response)
            if error.status == 401:
                self._close_idle()  # connections keep the client certificate that they began with
                if not renewed and self._token.renewed(token):
                    renewed = True
                    continue
            if error.status == 429 and retries < _MAX_RETRIES:
                retries += 1
                after = 1 if error.retry_after is None else min(error.retry_after, _MAX_RETRY_AFTER)
                self._wait(after + random.uniform(0, after / 2))  # noqa: S311 - jitter, not a secret
            else:
                raise self._exception(request, error)

    @contextlib.contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise errors of the connection as DatastoreError."""
        try:
            yield
        except _CONNECTION_ERRORS as error:
            raise DatastoreError(f"{self._access.server}: {describe_exception(error)}") from error

    def release(self, connection: ApiConnection, response: http.client.HTTPResponse) -> None:
        """Take a connection back: keep it if its response was read to the end, else close it."""
        if connection not in self._busy:
            return
        self._busy.discard(connection)
        reusable = response.isclosed() and connection.sock is not None
        if reusable and len(self._idle) < _MAX_IDLE_CONNECTIONS and not self._closed.is_set():
            self._idle.append(connection)
        else:
            connection.shut_down()
            connection.close()

    def close(self) -> None:
        """Close for good; requests in progress raise DatastoreError."""
        self._closed.set()
        for connection in tuple(self._busy):
            connection.shut_down()
        self._close_idle()

    def _exchange(self, target: str, accept: str, token: str) -> tuple[ApiConnection, http.client.HTTPResponse]:
        headers = {"Accept": accept, "User-Agent": _USER_AGENT}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        while True:
            kept = self._kept_connection()
            connection = kept or ApiConnection(self._access, self._limits.timeout)
            self._busy.add(connection)
            try:
                if kept is None:
                    connection.connect()
                connection.set_read_timeout(self._limits.timeout)
                self._wait(0)
                connection.request("GET", connection.path_prefix + target, headers=headers)
                return connection, connection.getresponse()
            except BaseException as error:
                self._busy.discard(connection)
                connection.close()
                if kept is None or not isinstance(error, ConnectionError):
                    raise  # else the server has closed the kept connection meanwhile: use a new one

    def _kept_connection(self) -> ApiConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _close_idle(self) -> None:
        while (kept := self._kept_connection()) is not None:
            kept.close()

    def _wait(self, seconds: float) -> None:
        """Wait; raises DatastoreError if the client is closed."""
        if self._closed.wait(seconds) if seconds else self._closed.is_set():
            raise DatastoreError("stopped")

    def _exception(self, request: ApiRequest, error: ErrorResponse) -> Exception:
        if error.status == 410 or (error.status == 504 and _TOO_NEW in error.message):
            return RelistRequiredError(error.message)
        text = f"{self._access.server}: {describe_response(request, error, self._access)}"
        return NotFoundError(text) if error.status == 404 and error.is_of_the_server else DatastoreError(text)


def _error_response(response: http.client.HTTPResponse) -> ErrorResponse:
    body = response.read(CHUNK)
    while response.read(CHUNK):  # to the end, so that the connection can be kept
        pass
    text = body.decode(errors="replace").strip()
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        status = Status(message=text[:200])
    after = response.headers.get("Retry-After", "")
    return ErrorResponse(
        response.status,
        status.message or response.reason,
        float(after) if after.isdecimal() else None,
        is_of_the_server=status.kind == "Status" or text == _NO_SUCH_PATH,
    )
