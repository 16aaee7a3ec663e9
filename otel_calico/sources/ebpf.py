"""Whether Calico's eBPF dataplane runs on this machine. Reads one directory."""

from __future__ import annotations

from pathlib import Path

_PINNED = Path("/sys/fs/bpf/tc/globals")
"""Where Felix pins its maps (`felix/bpf/maps`); to be seen only where the host's `/sys/fs/bpf` is mounted."""


def has_pinned_maps(directory: Path = _PINNED) -> bool:
    """True if maps of Calico's are pinned there."""
    try:
        return any(entry.name.startswith("cali_") for entry in directory.iterdir())
    except OSError:  # not mounted, or not for us to see: other signs must do
        return False
