"""Runs one program for its output: bounded in time and size, its whole process group killed when it oversteps.

The output goes to a file in memory rather than through a pipe: `iptables-save` writes in pieces of 4 KiB, and waking up
for each of a large table's thousands would cost more than reading it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otel_calico.sources.source import SourceError

_LONGEST_COMPLAINT = 500  # bytes of standard error worth quoting


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` a program may run and `octets` it may print."""

    seconds: float = 10.0
    octets: int = 256 << 20


def run(argv: Sequence[str], limits: Limits) -> str:
    """What the program prints on standard output. Raises SourceError, saying what went wrong and what to do."""
    with _memory_file() as output, _memory_file() as complaint:
        status = _status(argv, output, complaint, limits)
        if os.fstat(output).st_size >= limits.octets:
            raise SourceError("too_large", f"{argv[0]} printed more than {limits.octets >> 20} MiB: that is no table")
        if status:
            raise _failed(argv[0], status, _text(complaint, _LONGEST_COMPLAINT).strip())
        return _text(output, limits.octets)


def _status(argv: Sequence[str], output: int, complaint: int, limits: Limits) -> int:
    """Run to the end, and kill what is left of the group. The exit status, negative for a signal."""
    program = argv[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, never a shell
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=complaint, start_new_session=True
        )
    except FileNotFoundError:
        raise SourceError("missing_binary", f"{program} is not installed: install the iptables package") from None
    except PermissionError:
        raise SourceError("no_permission", f"{program} may not be executed by this user: run as root") from None
    except OSError as error:
        raise SourceError("exit_status", f"{program} cannot be started: {error.strerror}") from error
    with process:
        try:
            _limit_size(process.pid, limits)
            if not _ends_within(limits.seconds, process):
                raise SourceError(
                    "time_limit",
                    f"{program} did not finish within {limits.seconds:g} s and was killed: is the node overloaded, or "
                    "is the xtables lock held? The limit is the setting iptables.time_limit.",
                )
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def _limit_size(pid: int, limits: Limits) -> None:
    """The kernel lets the program print no more, and kills it unless it ignores that."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limits.octets, limits.octets))


def _ends_within(seconds: float, process: subprocess.Popen[bytes]) -> bool:
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # before Linux 5.3: look every few milliseconds
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _memory_file() -> Iterator[int]:
    descriptor = os.memfd_create("otel-calico")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _text(descriptor: int, octets: int) -> str:
    """The file's beginning, up to a number of bytes."""
    size = min(os.fstat(descriptor).st_size, octets)
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")


def _failed(program: str, status: int, complaint: str) -> SourceError:
    if "ermission denied" in complaint or "must be root" in complaint or "not permitted" in complaint:
        return SourceError(
            "no_permission",
            f"{program} was refused by the kernel: run as root with capabilities NET_ADMIN and NET_RAW ({complaint})",
        )
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return SourceError("exit_status", f"{program} {how}: {complaint or 'it gave no reason'}")
