"""One thread closes the connection while others are about to use it: they get an error, the process lives."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped] # ships no types
import pytest
from pyetcd import etcdrpc

from otel_calico.datastores.etcd_channel import SharedChannel


def test_a_stub_on_a_closed_channel_is_an_error_and_no_crash() -> None:
    channel = SharedChannel(grpc.insecure_channel("127.0.0.1:1"))
    etcdrpc.WatchStub(channel)
    channel.close()
    with pytest.raises(ValueError, match="closed"):
        etcdrpc.WatchStub(channel)


def test_a_call_on_a_closed_channel_is_an_error() -> None:
    channel = SharedChannel(grpc.insecure_channel("127.0.0.1:1"))
    stub = etcdrpc.KVStub(channel)
    channel.close()
    with pytest.raises(ValueError, match="closed"):
        stub.Range(etcdrpc.RangeRequest(key=b"a"))
