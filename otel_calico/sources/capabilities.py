"""Which of the kernel's capabilities this process has."""

from __future__ import annotations

from otel_calico.files import read_kernel_file

_BITS = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_ADMIN": 21, "BPF": 39}
"""Places in the kernel's sets (`linux/capability.h`)."""


def has_capability(name: str) -> bool:
    """True if it is in effect."""
    for line in read_kernel_file("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _BITS[name] & 1)
    return False
