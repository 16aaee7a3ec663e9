"""CPU, memory and files of this process, under the names that every Prometheus client library has for them."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from functools import lru_cache

from otel_calico.files import read_kernel_file
from otel_calico.prometheus.text_format import TextFormat, family_header

_STARTTIME = 19
"""Place in `/proc/PID/stat` after the program's name (proc(5))."""

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
        self._page_size = os.sysconf("SC_PAGE_SIZE")
        self._started = _start_time()

    def render(self, form: TextFormat) -> str:
        """HELP, TYPE and samples; nothing where there is no `/proc`."""
        try:
            values = self._values()
        except OSError:
            return ""
        return _template(form) % tuple(map(float, values))

    def _values(self) -> Sequence[float]:
        """In the order of their texts."""
        virtual, resident = map(int, read_kernel_file("/proc/self/statm").split(maxsplit=2)[:2])  # pages
        used = resource.getrusage(resource.RUSAGE_SELF)
        return (
            virtual * self._page_size,
            resident * self._page_size,
            self._started,
            used.ru_utime + used.ru_stime,
            _open_files(),
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )


@lru_cache(maxsize=len(TextFormat))
def _template(form: TextFormat) -> str:
    """All lines, with places for the values."""
    lines: list[str] = []
    for name, text in _HELP.items():
        kind, suffix = ("counter", "_total") if name == "cpu_seconds" else ("gauge", "")
        lines += [family_header(f"process_{name}", kind, text, "", form), f"process_{name}{suffix} %r\n"]
    return "".join(lines)


def _open_files() -> int:
    """Since Linux 6.2 the directory tells it as its size; before, the list has the look itself in it."""
    return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH116, PTH208 - slower


def _start_time() -> float:
    """When the process started, in Unix seconds; 0 where there is no `/proc`."""
    try:
        ticks = int(read_kernel_file("/proc/self/stat").rpartition(")")[2].split()[_STARTTIME])
        lines = read_kernel_file("/proc/stat").split("\n")
    except OSError:
        return 0.0
    booted = next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
    return booted + ticks / os.sysconf("SC_CLK_TCK")
