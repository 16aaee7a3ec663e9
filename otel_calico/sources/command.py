"""Runs one program for its output: bounded in time and size, its whole process group killed when it oversteps.

The output goes to a file in memory rather than through a pipe: `iptables-save` writes in pieces of 4 KiB, and waking up
for each of a large table's thousands would cost more than reading it.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import resource
import select
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otel_calico.sources.ruleset_source import SourceError

_LONGEST_COMPLAINT = 500  # bytes of standard error worth quoting
_IGNORED_BY_PYTHON = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
)  # and of use to the programs: the second ends one that prints too much
_LOOK_EVERY = 0.005  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` a program may run and `octets` it may print."""

    seconds: float = 8.0
    octets: int = 256 << 20


class Commands:
    """Runs one program at a time, until it is told to stop."""

    def __init__(self) -> None:
        # Of the service's environment, which may hold passwords, programs get where programs are and nothing else.
        self._environment = {"PATH": os.pathsep.join(os.get_exec_path())}
        self._running: int | None = None  # the process, which leads its group
        self._stopping = threading.Event()
        _keep_descriptors()

    def run(self, argv: Sequence[str], limits: Limits) -> str:
        """What the program prints on standard output. Raises SourceError, saying what went wrong and what to do."""
        with _memory_file() as output, _memory_file() as complaint:
            status = self._status(argv, output, complaint, limits)
            if os.fstat(output).st_size >= limits.octets:
                size = limits.octets >> 20
                raise SourceError("too_large", f"{argv[0]} printed more than {size} MiB: that is no table")
            if status:
                raise _failed(argv[0], status, _one_line(_text(complaint, _LONGEST_COMPLAINT)))
            return _text(output, limits.octets)

    def stop(self) -> None:
        """End the program that runs now, and start no other. From any thread."""
        self._stopping.set()
        if (running := self._running) is not None:
            _kill_group(running)

    def _status(self, argv: Sequence[str], output: int, complaint: int, limits: Limits) -> int:
        """Run to the end, and kill what is left of the group. The exit status, negative for a signal."""
        program = argv[0]
        if self._stopping.is_set():
            raise SourceError("stopped", f"{program} was not started: the service is stopping")
        self._running = pid = _start(argv, self._environment, output, complaint)
        try:
            if self._stopping.is_set():
                _kill_group(pid)
            _limit_size(pid, limits)
            if not _ends_within(limits.seconds, pid):
                raise SourceError(
                    "time_limit",
                    f"{program} did not finish within {limits.seconds:.1f} s and was killed: is the node "
                    "overloaded? The limit is the setting iptables.time_limit, for all reads of one scan.",
                )
        finally:
            self._running = None
            _kill_group(pid)
            status = _reap(pid)
        return status


def _keep_descriptors() -> None:
    """Keep from programs what the service was started with beside the standard files; Python opens nothing for them."""
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with contextlib.suppress(OSError):  # the one that listed them
                fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)


def _start(argv: Sequence[str], environment: Mapping[str, str], output: int, complaint: int) -> int:
    """Start a program as the leader of a process group of its own, never by a shell. Its process ID.

    `subprocess` would take a third longer, on every scan.
    """
    program = argv[0]
    try:
        return os.posix_spawnp(
            program,
            list(argv),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, complaint, 2),
            ],
            setsid=True,
            setsigmask=(),  # the service's own threads have those blocked that end it
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except FileNotFoundError:
        if shutil.which(program):
            message = f"{program} cannot be started: its interpreter or loader is missing: install its package again"
            raise SourceError("exit_status", message) from None
        raise SourceError("missing_binary", f"{program} is not installed: install the iptables package") from None
    except PermissionError:
        raise SourceError("no_permission", f"{program} may not be executed by this user: run as root") from None
    except OSError as error:
        raise SourceError("exit_status", f"{program} cannot be started: {error.strerror}") from error


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _reap(leader: int) -> int:
    """The exit status, negative for a signal; 0 where the service was started to ignore how its children end.

    What the program left behind is reaped too where the service is its parent now, as process 1 of a container: by its
    group, so that no other part of the service misses a child.
    """
    status = 0
    with contextlib.suppress(ChildProcessError):
        status = os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1])
        while True:
            os.waitpid(-leader, 0)
    return status


def _limit_size(pid: int, limits: Limits) -> None:
    """The kernel lets the program print no more, and kills it unless it ignores that.

    Without CAP_SYS_RESOURCE a limit of the service's own that is lower cannot be raised, and need not be.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limits.octets, limits.octets))


def _ends_within(seconds: float, pid: int) -> bool:
    """Wait for a child, without reaping it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:  # reaped already, where nobody is to see how children end
        return True
    except OSError:  # before Linux 5.3: look every few milliseconds
        deadline = time.monotonic() + seconds
        while not (ended := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)):
            if time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_EVERY)
        return ended is not None
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _memory_file() -> Iterator[int]:
    made = os.memfd_create("otel-calico")
    try:
        # Not one of the first three, which are free where the service was started without standard files: the program's
        # own go there.
        descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(made)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _text(descriptor: int, octets: int) -> str:
    """The file's beginning, up to a number of bytes; decoded where it lies, since a table can be megabytes."""
    size = min(os.fstat(descriptor).st_size, octets)
    if not size:
        return ""
    with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as content:
        return str(content, "utf-8", "replace")


def _one_line(complaint: str) -> str:
    return "; ".join(complaint.split("\n")).strip("; ")


def _failed(program: str, status: int, complaint: str) -> SourceError:
    if "ermission denied" in complaint or "must be root" in complaint or "not permitted" in complaint:
        return SourceError(
            "no_permission",
            f"{program} was refused by the kernel: run as root with capabilities NET_ADMIN and NET_RAW ({complaint})",
        )
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    if status == -signal.SIGSEGV:
        how += "; this can happen if a newer version wrote the rules: use the image, or install that version"
    return SourceError("exit_status", f"{program} {how}: {complaint or 'it gave no reason'}")
