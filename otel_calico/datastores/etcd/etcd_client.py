"""gRPC calls to one etcd server, with the stubs that `etcd-sdk-python` (import name `pyetcd`) generates.

Its client is not used (docs/decisions/0001-etcd-client.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc  # type: ignore[import-untyped] # ships no types
from pyetcd import etcdrpc

from otel_calico.datastores.etcd.etcd_access import EtcdAccess, EtcdEndpoint
from otel_calico.datastores.etcd.etcd_certificates import Certificates

RPC_ERRORS = (grpc.RpcError, ValueError)
"""What calls raise; ValueError if another thread has closed the client."""

LARGEST_RESPONSE = 256 << 20
"""Bytes; 5,000 resources are 5 MB."""
_REQUIRE_LEADER = ("hasleader", "true")  # a server without its cluster ends the watch; else the watch would be silent


class EtcdClient:
    """A channel to one server. Thread-safe; another thread may close it during calls."""

    def __init__(self, endpoint: EtcdEndpoint, access: EtcdAccess, certificates: Certificates | None) -> None:
        self.endpoint = endpoint
        self._timeout = access.timeout
        self._token: tuple[tuple[str, str], ...] = ()
        self._channel = _channel(endpoint, access, certificates)
        # All stubs are made here: gRPC 1.85 crashes the process if one is made on a channel that is being closed.
        self._auth = etcdrpc.AuthStub(self._channel)
        self._kv = etcdrpc.KVStub(self._channel)
        self._watch = etcdrpc.WatchStub(self._channel)

    def log_in(self, username: str, password: str) -> None:
        """Get a token for all later calls; without effect if the server has authentication disabled.

        The token is sent as plain metadata, because gRPC refuses call credentials on a channel without TLS.
        """
        request = etcdrpc.AuthenticateRequest(name=username, password=password)
        try:
            self._token = (("token", self._auth.Authenticate(request, self._timeout).token),)
        except grpc.RpcError as error:
            if code_and_details(error)[0] != "FAILED_PRECONDITION":  # authentication is not enabled
                raise

    def get_range(self, key: bytes, **options: Any) -> Any:
        """A `RangeResponse`. `options` are the fields of `RangeRequest`, such as `range_end`, `limit`, `revision`."""
        return self._kv.Range(etcdrpc.RangeRequest(key=key, **options), self._timeout, metadata=self._token)

    def watch(self, requests: Iterable[Any]) -> Any:
        """A call that iterates over `WatchResponse`s and lasts as long as its requests.

        gRPC wakes a thread that iterates ten times per second: 0.12 % of a processor for one watch, 0.33 % for five.
        """
        return self._watch.Watch(requests, metadata=(*self._token, _REQUIRE_LEADER))

    def close(self) -> None:
        """End all calls."""
        self._channel.close()


def code_and_details(error: Exception) -> tuple[str, str]:
    """The name of the gRPC status code and its text."""
    if isinstance(error, grpc.Call):
        return error.code().name, error.details() or ""
    return type(error).__name__, str(error)


def _channel(endpoint: EtcdEndpoint, access: EtcdAccess, certificates: Certificates | None) -> Any:
    options = [
        ("grpc.keepalive_time_ms", int(access.keepalive_interval * 1000)),
        ("grpc.keepalive_timeout_ms", int(access.keepalive_timeout * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", LARGEST_RESPONSE),
        ("grpc.use_local_subchannel_pool", 1),  # else a new channel inherits certificates and backoff of the old one
        ("grpc.enable_http_proxy", 0),  # as in Calico's own client
    ]
    if certificates is None:
        return grpc.insecure_channel(endpoint.address, options)
    credentials = grpc.ssl_channel_credentials(certificates.roots, certificates.key, certificates.chain)
    return grpc.secure_channel(endpoint.address, credentials, options)
