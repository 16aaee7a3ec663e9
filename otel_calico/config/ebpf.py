"""Settings of the eBPF dataplane. Without any it is found and read by itself."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.config import kinds
from otel_calico.config.option import setting


@dataclass(frozen=True, slots=True)
class EbpfSettings:
    """What is read instead of the node's maps."""

    state_directory: str = setting(
        kinds.existing_directory,
        "",
        "Read a saved state of Calico's eBPF dataplane instead of the node's: docs/cli.md tells how to save one.",
        flag="--ebpf-state",
    )
