"""What people must know of a look at the eBPF dataplane: a sentence each, without a full stop."""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.ebpf.state import DebugFiles, EbpfState


def notes(state: EbpfState) -> Iterator[str]:
    """Why policies are not told, or not all of them."""
    if state.programs.files is DebugFiles.REMOVED:
        yield (
            "what policies decided is not told: policy debug is off, so Felix counts no rules, or with flow logs on "
            "counts them by ids that nobody can compute: set bpfPolicyDebugEnabled: true in the FelixConfiguration"
        )
    if state.programs.files is DebugFiles.UNREADABLE:
        yield (
            "what policies decided is told only as far as the datastore's policies explain the counters: "
            f"{state.programs.problem}"
        )
    if state.is_full:
        yield (
            f"all {state.capacity:,} places of Felix's rule counters are taken: a rule that has not counted yet never "
            "will, until Felix restarts"
        )
