"""Tables `calico` of both IP versions. Each read has sockets of its own: one asks, one listens."""

from __future__ import annotations

import contextlib
import errno
import threading
import time

from otel_calico.calico.model import IPVersion
from otel_calico.sources.command import Limits
from otel_calico.sources.netlink.chain_list import TABLE
from otel_calico.sources.netlink.changes import Changes
from otel_calico.sources.netlink.connection import BUFFER_SIZE, Connection, kernel_socket
from otel_calico.sources.netlink.messages import NetlinkError
from otel_calico.sources.netlink.native_table import Access, NativeTable, NativeTableReader, UnsettledError
from otel_calico.sources.ruleset_source import SourceError

_OVERSTEPPED = {errno.ETIMEDOUT: "time_limit", errno.EFBIG: "too_large"}
"""Kinds of failures that another way of reading would have too."""


class NativeTables:
    """Reads them. Used by one thread at a time."""

    def __init__(self) -> None:
        self._readers = {version: NativeTableReader(version) for version in IPVersion}
        self._buffer = bytearray(BUFFER_SIZE)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End a read that is under way, and begin no other. From any thread."""
        self._stopping.set()

    def read(self, ip_version: IPVersion, limits: Limits) -> NativeTable | None:
        """The table of an IP version; None if there is none.

        Raises SourceError where the node is at fault, NetlinkError where the kernel or the container refuses.
        """
        deadline = time.monotonic() + limits.seconds

        def before_each() -> None:
            if self._stopping.is_set():
                raise SourceError("stopped", "nftables was not read: the service is stopping")
            if time.monotonic() > deadline:
                raise NetlinkError("nftables' rules could not be read in time", errno.ETIMEDOUT)

        try:
            with contextlib.closing(kernel_socket()) as asks, contextlib.closing(kernel_socket()) as listens:
                access = Access(
                    Connection(asks, self._buffer, deadline), Changes(listens, TABLE), before_each, limits.octets
                )
                return self._readers[ip_version].read(access)
        except UnsettledError as error:
            raise SourceError("changing", str(error)) from error
        except NetlinkError as error:
            if kind := _OVERSTEPPED.get(error.code):
                raise SourceError(
                    kind, f"{error}: the limit is {_said(kind, limits)} for all reads of one scan"
                ) from error
            raise


def _said(kind: str, limits: Limits) -> str:
    return f"{limits.seconds:.1f} s (iptables.time_limit)" if kind == "time_limit" else f"{limits.octets >> 20} MiB"
