"""One look at an eBPF dataplane, for those who explain it."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.ebpf.plan import EbpfPlan
from otel_calico.ebpf.state import EbpfState


@dataclass(frozen=True, slots=True, eq=False)
class EbpfLook:
    """What was found, and what it feeds."""

    state: EbpfState
    plan: EbpfPlan
