"""A network namespace with a private /run (and so its own xtables lock), held by a process that ends with the test."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from tests.node.programs import find_program

_T = TypeVar("_T")
_TIME_LIMIT = 60  # seconds for one command
_CLONE_NEWNET = 0x40000000
_SETUP = """
mount -t tmpfs tmpfs /run
ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -q -w net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
echo ready
exec cat
"""


class Namespace:
    """A namespace that forwards IPv4 and IPv6 between its interfaces; it has only a loopback at first."""

    def __init__(self) -> None:
        command = [find_program("unshare"), "--net", "--mount", "sh", "-euc", _SETUP]
        # The holder waits for the end of its input, so that it cannot outlive this process.
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("no network namespace could be made; its messages are above (root is needed)")

    @property
    def pid(self) -> int:
        """A process that lives in the namespace."""
        return self._holder.pid

    def command(self, *command: str) -> list[str]:
        """A command line that runs another inside the namespace, in the current directory."""
        program = find_program(command[0])
        enter = ["nsenter", f"--target={self.pid}", "--net", "--mount", f"--wd={Path.cwd()}", "--"]
        return [find_program(enter[0]), *enter[1:], program, *command[1:]]

    def run(self, *command: str, text: str = "") -> str:
        """Run a command inside, with `text` as its input; returns its output. Raises RuntimeError if it fails."""
        whole = self.command(*command)
        done = subprocess.run(whole, input=text, capture_output=True, text=True, check=False, timeout=_TIME_LIMIT)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def path(self, path: str) -> Path:
        """Where this process finds a file of the namespace, such as `/run/xtables.lock`."""
        return Path(f"/proc/{self.pid}/root{path}")

    def socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A socket of this namespace; it stays in it whoever uses it."""
        return self.inside(lambda: socket.socket(family, kind))

    def inside(self, action: Callable[[], _T]) -> _T:
        """Call a function in a thread that is in this network namespace; returns its result or raises its error."""
        outcome: list[_T | BaseException] = []

        def enter_and_call() -> None:
            try:
                _enter_network(self.pid)
                outcome.append(action())
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                outcome.append(error)

        thread = threading.Thread(target=enter_and_call)
        thread.start()
        thread.join()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def close(self) -> None:
        """End the holder; the kernel then removes the namespace and its interfaces."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def command_in(namespace: Namespace | None, command: Sequence[str]) -> list[str]:
    """A command line for here or, if a namespace is given, for there."""
    return namespace.command(*command) if namespace else [find_program(command[0]), *command[1:]]


def _enter_network(pid: int) -> None:
    """Move the calling thread; `os.setns` exists only since Python 3.12."""
    with Path(f"/proc/{pid}/ns/net").open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
