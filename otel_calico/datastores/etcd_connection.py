"""One connection to an etcd cluster, shared by the threads of all kinds."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped] # ships no types
import pyetcd
import structlog
from grpc import _common
from pyetcd import etcdrpc

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.etcd_channel import SharedChannel
from otel_calico.datastores.etcd_errors import explain
from otel_calico.datastores.etcd_tls import Certificates, read_certificates
from otel_calico.datastores.settings import EtcdEndpoint, EtcdSettings
from otel_calico.datastores.source import HistoryLostError

log = structlog.get_logger(__name__)

# Whoever reads a stream of gRPC's wakes up ten times a second, to let a main thread take Ctrl-C. No stream is read on
# ours, and the streams of all kinds together would take a node 0.3 % of a processor for nothing.
_common.MAXIMUM_WAIT_TIMEOUT = 60.0

LARGEST_PAGE = 256 << 20
"""Bytes of one answer of etcd: 5,000 resources are 5 MB."""
_ANY_KEY = "/calico/resources/v3/projectcalico.org/clusterinformations/default"
_ERRORS = (grpc.RpcError, pyetcd.Etcd3Exception, ValueError)  # ValueError: another thread has closed the channel


class EtcdConnection:
    """Connects when first asked, to the first endpoint that answers, and anew after a failure."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._settings = settings
        self._endpoints = [EtcdEndpoint.parse(url) for url in settings.endpoints]
        random.shuffle(self._endpoints)  # the nodes of a cluster spread over its servers
        self._lock = threading.Lock()  # held while connecting
        self._failures = 0
        self._failure = DatastoreError("")
        self._client: Any = None
        self._connecting: Any = None
        self._closed = False

    def client(self) -> Any:
        """A `pyetcd` client, connected and logged in. Those who waited for one in vain share the error.

        Raises DatastoreError.
        """
        failures = self._failures
        with self._lock:
            if self._client is None:
                if failures != self._failures:
                    raise self._failure
                try:
                    self._client = self._connect()
                except DatastoreError as failure:
                    self._failures += 1
                    self._failure = failure
                    raise
            return self._client

    def close(self) -> None:
        """End for good: calls in flight fail at once."""
        self._closed = True
        for client in (self._connecting, self._client):
            if client is not None:
                client.close()

    @contextmanager
    def errors_explained(self, client: Any) -> Iterator[None]:
        """Turn errors of the client into DatastoreError or HistoryLostError; give it up unless etcd just said no."""
        try:
            yield
        except _ERRORS as error:
            code, details = _code_and_details(error)
            if code == "OUT_OF_RANGE":
                raise HistoryLostError(details) from error
            if code != "PERMISSION_DENIED":
                self._give_up(client)
            server = client.endpoint_in_use
            raise DatastoreError(f"{server.protocol}://{server.netloc}: {explain(code, details)}") from error

    def _give_up(self, client: Any) -> None:
        if self._client is client:
            self._client = None
            client.close()

    def _connect(self) -> Any:
        certificates = read_certificates(self._settings) if any(one.tls for one in self._endpoints) else None
        problems = []
        for _ in self._endpoints:
            endpoint = self._endpoints.pop(0)
            self._endpoints.append(endpoint)
            client = self._connecting = self._open(endpoint, certificates)
            try:
                if not self._closed:
                    self._log_in(client)
                    self._read_once(client)
                    log.info("datastore_connected", endpoint=str(endpoint))
                    return client
            except _ERRORS as error:
                problems.append(f"{endpoint}: {explain(*_code_and_details(error))}")
            client.close()
        raise DatastoreError("; ".join(problems))

    def _open(self, endpoint: EtcdEndpoint, certificates: Certificates | None) -> Any:
        credentials = None
        if endpoint.tls and certificates is not None:
            credentials = grpc.ssl_channel_credentials(certificates.roots, certificates.key, certificates.chain)
        server = pyetcd.Endpoint(
            endpoint.host, endpoint.port, endpoint.tls, credentials, time_retry=0, opts=self._channel_options()
        )
        server.channel = SharedChannel(server.channel)
        return pyetcd.MultiEndpointEtcd3Client([server], timeout=self._settings.timeout)

    def _channel_options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.keepalive_time_ms", int(self._settings.keepalive_interval * 1000)),
            ("grpc.keepalive_timeout_ms", int(self._settings.keepalive_timeout * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.max_receive_message_length", LARGEST_PAGE),
            ("grpc.use_local_subchannel_pool", 1),  # else a new channel inherits certificates and back-off of the old
            ("grpc.enable_http_proxy", 0),  # as Calico's own client
        ]

    def _log_in(self, client: Any) -> None:
        """Fetch a token and send it as plain metadata: gRPC refuses call credentials on a plain-text channel."""
        if not (self._settings.username and self._settings.password):
            return
        request = etcdrpc.AuthenticateRequest(name=self._settings.username, password=self._settings.password)
        try:
            token = client.authstub.Authenticate(request, self._settings.timeout).token
        except grpc.RpcError as error:
            if _code_and_details(error)[0] != "FAILED_PRECONDITION":  # it says: authentication is not enabled
                raise
        else:
            client.metadata = (("token", token),)

    def _read_once(self, client: Any) -> None:
        """Make sure that this member answers and agrees with most others; what may be read is another matter."""
        try:
            client.get_response(_ANY_KEY, keys_only=True)
        except grpc.RpcError as error:
            if _code_and_details(error)[0] != "PERMISSION_DENIED":
                raise


def _code_and_details(error: BaseException) -> tuple[str, str]:
    """gRPC's code and text, also of an error that `pyetcd` has put another in place of."""
    call = error if isinstance(error, grpc.RpcError) else error.__context__
    if isinstance(call, grpc.Call):
        return call.code().name, call.details() or ""
    return type(error).__name__, str(error)
