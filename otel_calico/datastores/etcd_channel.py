"""A gRPC channel that threads may share while one of them closes it.

gRPC's own (1.85) dies of a segmentation fault when a stub is made on a closed channel: making one asks for a handle of
each method without looking whether the channel is still there (`grpc/_channel.py`, `_get_registered_call_handle`).
Calls on stubs that were made before are refused with ValueError, as here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc  # type: ignore[import-untyped] # ships no types


class SharedChannel(grpc.Channel):  # type: ignore[misc] # its base has no types
    """Makes no stub once it is closed: raises ValueError then."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """End all calls."""
        with self._lock:
            self._closed = True
        self._channel.close()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """As the channel's own."""
        return self._made(self._channel.unary_unary, *args, **kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As the channel's own."""
        return self._made(self._channel.unary_stream, *args, **kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """As the channel's own."""
        return self._made(self._channel.stream_unary, *args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As the channel's own."""
        return self._made(self._channel.stream_stream, *args, **kwargs)

    def subscribe(self, callback: Any, try_to_connect: bool | None = None) -> None:  # noqa: FBT001 - gRPC's signature
        """As the channel's own."""
        self._channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """As the channel's own."""
        self._channel.unsubscribe(callback)

    def __enter__(self) -> SharedChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _made(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            if self._closed:
                raise ValueError("the channel is closed")
            return make(*args, **kwargs)
