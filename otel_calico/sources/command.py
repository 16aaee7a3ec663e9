"""Runs one program for its output: bounded in time and size, its whole process group killed when it oversteps."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from otel_calico.sources.source import SourceError

_PIPE_SIZE = 1 << 20  # bytes; the default of 64 KiB would wake us a hundred times for a large table
_LONGEST_COMPLAINT = 500  # characters of standard error worth quoting


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` a program may run and `octets` it may print."""

    seconds: float = 10.0
    octets: int = 256 << 20


def run(argv: Sequence[str], limits: Limits) -> str:
    """What the program prints on standard output. Raises SourceError, saying what went wrong and what to do."""
    program = argv[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, never a shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pipesize=_PIPE_SIZE,
        )
    except FileNotFoundError:
        raise SourceError("missing_binary", f"{program} is not installed: install the iptables package") from None
    except PermissionError:
        raise SourceError("no_permission", f"{program} may not be executed by this user: run as root") from None
    except OSError as error:
        raise SourceError("exit_status", f"{program} cannot be started: {error.strerror}") from error
    with process:
        try:
            output, complaint = _drain(process, limits)
        finally:
            _kill_group(process)
    if process.returncode != 0:
        raise _failed(program, process.returncode, complaint)
    return output.decode("utf-8", "replace")


def _drain(process: subprocess.Popen[bytes], limits: Limits) -> tuple[bytes, str]:
    """Both outputs until the program has closed them and ended."""
    program = str(process.args[0]) if isinstance(process.args, list | tuple) else str(process.args)
    deadline = time.monotonic() + limits.seconds
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stderr is not None  # noqa: S101
    chunks: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    room = limits.octets
    with selectors.DefaultSelector() as selector:
        for descriptor in chunks:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                raise _too_slow(program, limits)
            for key, _ in ready:
                chunk = os.read(key.fd, _PIPE_SIZE)
                room -= len(chunk)
                if room < 0:
                    raise SourceError(
                        "too_large", f"{program} printed more than {limits.octets >> 20} MiB: not a table"
                    )
                if chunk:
                    chunks[key.fd].append(chunk)
                else:
                    selector.unregister(key.fd)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _too_slow(program, limits) from None
    output, complaint = (b"".join(parts) for parts in chunks.values())
    return output, complaint.decode("utf-8", "replace").strip()[:_LONGEST_COMPLAINT]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and whatever it started. Harmless when all have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _too_slow(program: str, limits: Limits) -> SourceError:
    return SourceError(
        "time_limit",
        f"{program} did not finish within {limits.seconds:g} s and was killed: is the node overloaded, or is the "
        "xtables lock held? The limit is the setting iptables.time_limit.",
    )


def _failed(program: str, status: int, complaint: str) -> SourceError:
    if "ermission denied" in complaint or "must be root" in complaint or "not permitted" in complaint:
        return SourceError(
            "no_permission",
            f"{program} was refused by the kernel: run as root with capabilities NET_ADMIN and NET_RAW ({complaint})",
        )
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return SourceError("exit_status", f"{program} {how}: {complaint or 'it gave no reason'}")
