"""CPU, memory and files of this process, under the names that every Prometheus client library has for them."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping

from otel_calico.telemetry.exposition import TextFormat
from otel_calico.telemetry.text_lines import family_header

_UTIME, _STIME, _STARTTIME, _VSIZE, _RSS = 11, 12, 19, 20, 21
"""Places in `/proc/PID/stat` after the program's name (proc(5))."""

_HELP = {
    "virtual_memory_bytes": "Virtual memory size in bytes.",
    "resident_memory_bytes": "Resident memory size in bytes.",
    "start_time_seconds": "Start time of the process since unix epoch in seconds.",
    "cpu_seconds": "Total user and system CPU time spent in seconds.",
    "open_fds": "Number of open file descriptors.",
    "max_fds": "Maximum number of open file descriptors.",
}


class ProcessMetrics:
    """Writes them for one page after the other. `prometheus_client` does too, for 4 MB of memory."""

    def __init__(self) -> None:
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._page_size = os.sysconf("SC_PAGE_SIZE")
        self._booted = _boot_time()

    def render(self, form: TextFormat) -> str:
        """HELP, TYPE and samples; nothing where there is no `/proc`."""
        try:
            values = self._values()
        except OSError:
            return ""
        return "".join([_family(name, value, form) for name, value in values.items()])

    def _values(self) -> Mapping[str, float]:
        fields = _read("/proc/self/stat").rpartition(")")[2].split()
        return {
            "virtual_memory_bytes": int(fields[_VSIZE]),
            "resident_memory_bytes": int(fields[_RSS]) * self._page_size,
            "start_time_seconds": self._booted + int(fields[_STARTTIME]) / self._ticks,
            "cpu_seconds": (int(fields[_UTIME]) + int(fields[_STIME])) / self._ticks,
            # One of them is this look itself.
            "open_fds": len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208 - a Path for each is of no use
            "max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }


def _family(name: str, value: float, form: TextFormat) -> str:
    kind, suffix = ("counter", "_total") if name == "cpu_seconds" else ("gauge", "")
    head = family_header(f"process_{name}", kind, _HELP[name], "", form)
    return f"{head}process_{name}{suffix} {float(value)!r}\n"


def _boot_time() -> float:
    try:
        lines = _read("/proc/stat").split("\n")
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while part := os.read(descriptor, 1 << 16):
            text += part
        return text.decode()
    finally:
        os.close(descriptor)
