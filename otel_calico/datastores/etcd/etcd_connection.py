"""The connection to an etcd cluster, shared by the threads of all kinds."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.etcd.etcd_access import EtcdAccess, EtcdEndpoint
from otel_calico.datastores.etcd.etcd_certificates import Certificates, read_certificates
from otel_calico.datastores.etcd.etcd_client import RPC_ERRORS, EtcdClient, code_and_details
from otel_calico.datastores.etcd.etcd_errors import describe
from otel_calico.datastores.list_watch import RelistRequiredError

log = structlog.get_logger(__name__)

_PROBE_KEY = b"/calico/resources/v3/projectcalico.org/clusterinformations/default"


class EtcdConnection:
    """Connects at the first use to the first server that answers, and again after a failure."""

    def __init__(self, access: EtcdAccess) -> None:
        self._access = access
        self._endpoints = [EtcdEndpoint.parse(url) for url in access.endpoints]
        random.shuffle(self._endpoints)  # so that the nodes of a cluster use all servers
        self._lock = threading.Lock()  # held while connecting
        self._failures = 0
        self._failure = DatastoreError("")
        self._client: EtcdClient | None = None
        self._connecting: EtcdClient | None = None
        self._closed = False

    def client(self) -> EtcdClient:
        """The connected client. Threads that wait for the same attempt share its DatastoreError."""
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
        """Close for good; calls in progress fail at once."""
        self._closed = True
        for client in (self._connecting, self._client):
            if client is not None:
                client.close()

    @contextmanager
    def translated_errors(self, client: EtcdClient) -> Iterator[None]:
        """Raise gRPC errors as DatastoreError or RelistRequiredError; drop the client unless it lacks only a right."""
        try:
            yield
        except RPC_ERRORS as error:
            code, details = code_and_details(error)
            if code == "OUT_OF_RANGE":
                raise RelistRequiredError(details) from error
            if code not in ("PERMISSION_DENIED", "CANCELLED"):  # CANCELLED: a watch that was closed
                self._drop(client)
            raise DatastoreError(f"{client.endpoint}: {describe(code, details)}") from error

    def _drop(self, client: EtcdClient) -> None:
        if self._client is client:
            self._client = None
            client.close()

    def _connect(self) -> EtcdClient:
        certificates = read_certificates(self._access) if any(one.tls for one in self._endpoints) else None
        problems = []
        for _ in self._endpoints:
            endpoint = self._endpoints.pop(0)
            self._endpoints.append(endpoint)
            try:
                return self._connect_to(endpoint, certificates if endpoint.tls else None)
            except RPC_ERRORS as error:
                problems.append(f"{endpoint}: {describe(*code_and_details(error))}")
        raise DatastoreError("; ".join(problems))

    def _connect_to(self, endpoint: EtcdEndpoint, certificates: Certificates | None) -> EtcdClient:
        client = self._connecting = EtcdClient(endpoint, self._access, certificates)
        if self._closed:
            client.close()
        try:
            if self._access.username and self._access.password:
                client.log_in(self._access.username, self._access.password)
            _probe(client)
        except BaseException:
            client.close()
            raise
        log.info("datastore_connected", endpoint=str(endpoint))
        return client


def _probe(client: EtcdClient) -> None:
    """Check that the server answers and has a quorum; missing rights are reported by the lists."""
    try:
        client.get_range(_PROBE_KEY, keys_only=True)
    except RPC_ERRORS as error:
        if code_and_details(error)[0] != "PERMISSION_DENIED":
            raise
