"""Checks what was read of a node's eBPF dataplane."""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.check.finding import Finding, Level
from otel_calico.ebpf.flow_logs import writes_flow_logs
from otel_calico.ebpf.look import EbpfLook
from otel_calico.ebpf.state import DebugFiles, EbpfState
from otel_calico.snapshot import Snapshot

_SECTION = "see docs/troubleshooting.md, section eBPF"


def check_ebpf(snapshot: Snapshot, look: EbpfLook) -> Iterator[Finding]:
    """The maps, the debug files, and whether each rule that counts is known."""
    state = look.state
    yield _maps(state)
    yield from _debug_files(snapshot, state)
    unknown = snapshot.report.ebpf.unknown_ids if snapshot.report.ebpf else 0
    if unknown and state.programs.files is DebugFiles.READ:
        remedy = "Felix may be writing its files now; if it stays, please report it"
        yield Finding(Level.WARN, "rules", f"{unknown} of the rules that counted stand in no debug file", remedy)


def _maps(state: EbpfState) -> Finding:
    sizes = {name: len(next(iter(counters.values()), ())) for name, counters in state.interfaces.items()}
    interfaces = ", ".join(f"{name} ({size} counters)" if size else f"{name} (empty)" for name, size in sizes.items())
    room = f" of {state.capacity:,}" if state.capacity else ""
    text = f"eBPF: {len(state.rules):,}{room} rules have counted; interfaces in {interfaces or 'no map'}"
    if state.is_full:
        return Finding(Level.WARN, "maps", text, "other rules are not counted until Felix restarts: have fewer rules")
    if not state.interfaces:
        return Finding(Level.WARN, "maps", text, _SECTION)
    return Finding(Level.OK, "maps", text)


def _debug_files(snapshot: Snapshot, state: EbpfState) -> Iterator[Finding]:
    if state.programs.files is not DebugFiles.READ:
        text = next(iter(snapshot.report.notes), "policies are not told")
        yield Finding(Level.WARN, "debug files", text, _SECTION)
        return
    interfaces = {key.interface for key in state.programs.of}
    text = f"{len(state.programs.of)} programs of {len(interfaces)} interfaces"
    failed = sorted({program.key.interface for program in state.programs.of.values() if program.error})
    if failed:
        yield Finding(Level.WARN, "debug files", f"{text}; Felix could not load those of {', '.join(failed)}", _SECTION)
    elif state.programs.incomplete:
        remedy = "Felix may be writing them now"
        yield Finding(Level.WARN, "debug files", f"{text}; {state.programs.incomplete} could not be understood", remedy)
    else:
        yield Finding(Level.OK, "debug files", text)
    if (flow_logs := writes_flow_logs(state.programs.of.values())) is not None:
        text = "on: only the debug files tell which rule an id counts" if flow_logs else "off: ids can be computed"
        yield Finding(Level.OK, "flow logs", text)
