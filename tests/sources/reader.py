"""Reads rulesets in a process of its own, so that it can live in another network namespace: one JSON line per order.

    python -m tests.sources.reader [legacy|nft|nftables] [LOCK_WAIT] [netlink|nft]

Orders on standard input: `read`, `wait SECONDS` to let the source's clock run ahead, `renounce` to be without the right
to ask the kernel (programs that it runs as root have it again), `regain` to have it back.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
import time
from typing import Any

import structlog

from otel_calico.sources.backends import Backend
from otel_calico.sources.kernel import KernelSettings, KernelSource
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.ruleset_source import SourceError
from tests.node.namespace import Namespace
from tests.ruleset.contents import told

_NET_ADMIN = 1 << 12


class Reader:
    """A source at work inside a namespace, as its parent sees it."""

    def __init__(self, namespace: Namespace, *arguments: str, path: str = "") -> None:
        command = namespace.command(sys.executable, "-m", "tests.sources.reader", *arguments)
        env = {**os.environ, "PATH": path or os.environ["PATH"]}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def order(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def read(self) -> dict[str, Any]:
        self.order("read")
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """What came of the oldest order to read."""
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=5)


def main(backend: str = "", wait: str = "2.0", nftables_reader: str = "netlink") -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ahead = 0.0
    backends = [Backend(backend)] if backend else list(Backend)
    settings = KernelSettings(backends, XtablesLock(wait=float(wait)), netlink=nftables_reader == "netlink")
    source = KernelSource(settings, clock=lambda: time.monotonic() + ahead)
    for line in sys.stdin:
        order, _, seconds = line.strip().partition(" ")
        if order == "wait":
            ahead += float(seconds)
            continue
        if order in {"renounce", "regain"}:
            set_effective(net_admin=order == "regain")
            continue
        sys.stdout.write(json.dumps(_answer(source)) + "\n")
        sys.stdout.flush()


def set_effective(*, net_admin: bool, others: bool = True) -> None:
    """Let the calling thread have or not have CAP_NET_ADMIN and all others; they stay permitted (`capget(2)`)."""
    header, sets = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    _, *permitted = struct.unpack("=6I", sets.raw)
    effective = permitted[0] & (_NET_ADMIN if net_admin else 0) | permitted[0] & (~_NET_ADMIN if others else 0)
    wanted = struct.pack("=6I", effective, *permitted)
    if libc.capset(header, wanted):
        raise OSError(ctypes.get_errno(), "capset")


def _answer(source: KernelSource) -> dict[str, Any]:
    try:
        dumps = source.read()
    except SourceError as error:
        return {"error": error.kind, "message": str(error)}
    texts = {str(dump.ip_version.value): repr(told(dump.ruleset)) if dump.ruleset else dump.text for dump in dumps}
    readers = {str(dump.ip_version.value): dump.reader for dump in dumps}
    return {"backend": source.backend, "unlocked": source.unlocked, "texts": texts, "readers": readers}


if __name__ == "__main__":
    main(*sys.argv[1:])
