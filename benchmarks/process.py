"""CPU time and memory of processes. CPU time is what the bars speak of: it holds on a machine that others use too."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.node.namespace import Namespace

_PIPE_SIZE = 1 << 20  # bytes; as large as the service's own, so that both write alike
_SETTLE = 0.05  # seconds for a process to finish what an answered request leaves behind
_SAVE = ("iptables-legacy-save", "-t", "filter", "-c")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process: all of its threads, ended ones too, without its children.

    The kernel's CPU clock of that process, in nanoseconds (`MAKE_PROCESS_CPUCLOCK` in `linux/posix-timers.h`).
    """
    return time.clock_gettime((~pid << 3) | 2)


def cpu_of(pid: int, action: Callable[[], object]) -> float:
    """CPU seconds that a process spends on something asked of it from outside."""
    before = cpu_seconds(pid)
    action()
    time.sleep(_SETTLE)
    return cpu_seconds(pid) - before


def children_cpu_seconds(pid: int) -> float:
    """User and system time of a process's children that have ended, and of theirs; to 10 ms (`/proc/PID/stat`)."""
    times = psutil.Process(pid).cpu_times()
    return float(times.children_user + times.children_system)


def peak_megabytes(pid: int, action: Callable[[], object]) -> float:
    """The most memory of a process that was in RAM while something was done, in 10⁶ bytes (`/proc/PID/clear_refs`)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    action()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024 / 1e6


def resident_megabytes(pid: int) -> float:
    """Memory of a process that is in RAM (RSS), in 10⁶ bytes."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def save_cpu(namespace: Namespace) -> float:
    """CPU seconds of one `iptables-legacy-save -t filter -c` in a namespace, read through a pipe."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(_SAVE, stdout=subprocess.PIPE, check=True, pipesize=_PIPE_SIZE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return namespace.inside(run)
