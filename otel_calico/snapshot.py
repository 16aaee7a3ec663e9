"""What one scan found: its series, how it went, and why it failed if it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from otel_calico.calico.model import PolicyKind
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.failed_parts import FailedPart
from otel_calico.metrics import Metric
from otel_calico.series import Readings, SeriesSet

FAILURE_KINDS = {
    "missing_binary": "neither iptables-save nor nft is installed",
    "no_permission": "the kernel refused, or a program or file may not be used",
    "exit_status": "iptables-save or nft failed",
    "time_limit": "the rules could not be read in time; iptables-save or nft was killed",
    "too_large": "more was printed or read than any table has",
    "changing": "nftables' rules changed faster than they could be read",
    "netlink": "the kernel does not tell nftables' rules over netlink, and nft is not installed",
    "empty": "there is no table to read",
    "truncated": "the dump is not whole",
    "no_counters": "the dump has no counters",
    "garbage": "counters of Calico's rules are no numbers",
    "missing_file": "the file of a saved ruleset does not exist",
    "no_calico_chains": "the table has no chains of Calico's",
    "ebpf_dataplane": "Calico runs its eBPF dataplane, and its maps cannot be seen",
    "unknown_map": "a map of Calico's eBPF dataplane has a form that is not known",
    "stopped": "the service was stopping",
    "internal_error": "a fault of otel-calico's own; the log has the traceback",
}
"""Every kind of failed scan: the values of label `reason` of `otel_calico_scans_total`."""


EBPF_DATAPLANE = (
    "Calico runs its eBPF dataplane on this node, whose programs count in maps that cannot be seen here: mount the "
    "host's /sys/fs/bpf and /var/run/calico, and add the capabilities BPF and DAC_READ_SEARCH (the chart's value "
    "ebpf.enabled). Calico before v3.25 has no such maps"
)
"""Says of a node with the eBPF dataplane what can be done."""


@dataclass(frozen=True, slots=True)
class ScanFailure:
    """Why a scan yielded nothing: `kind` is one of FAILURE_KINDS, `message` is for people."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class EbpfReport:
    """What a scan of the eBPF dataplane found beside its series.

    `entries` of `capacity` rules have counted; `unknown_ids` of them are nobody's. `incomplete_files` are debug files
    that could not be understood; `debug_files` is `read`, `removed` (policy debug is off) or `unreadable`.
    """

    entries: int = 0
    capacity: int = 0
    unknown_ids: int = 0
    incomplete_files: int = 0
    debug_files: str = ""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """How one scan went; feeds the own metrics, `/readyz`, `check` and the page."""

    backend: str = ""
    dataplane: str = ""  # "iptables", "nftables" or "ebpf"; empty where nothing tells
    seconds: Mapping[str, float] = field(default_factory=dict)  # by step: read, parse, attribute, account
    rules: Mapping[str, int] = field(default_factory=dict)  # by IP version "ipv4"/"ipv6": rules read
    bytes: Mapping[str, int] = field(default_factory=dict)  # by IP version: bytes read
    malformed_lines: int = 0
    interfaces_without_workload: tuple[str, ...] = ()
    workloads_without_chains: tuple[str, ...] = ()  # NAMESPACE/NAME of those that no IP version has chains for
    chains_without_name: tuple[str, ...] = ()
    missing_chains: tuple[str, ...] = ()  # jumped to, and not in the dump
    contradicted_tiers: tuple[str, ...] = ()  # chain, tier, and what the comment says instead
    kinds_needed: Set[PolicyKind] = frozenset()  # kinds of policy that the rules do not name
    below_minimum: bool = False  # MINIMUM_COUNTER left this scan out
    series_left_out: Mapping[Metric, int] = field(default_factory=dict)  # by the limit on series
    unlocked: bool = False  # legacy tables were read without the xtables lock
    unreadable: Mapping[str, str] = field(default_factory=dict)  # by IP version: why it was left out
    ebpf: EbpfReport | None = None  # of a node with the eBPF dataplane
    failed_parts: tuple[FailedPart, ...] = ()  # left out because of a fault of otel-calico's own
    in_force: TablesInForce | None = None  # where packets pass several tables of Calico's
    notes: tuple[str, ...] = ()  # what else people must know of how the rules were read
    reader: str = ""  # what read the rules: "iptables-save", "nft" or "netlink"; empty for saved ones
    refusal: str = ""  # why nftables was not read over netlink, which costs least


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one scan found. `readings` is empty when `failure` is set or the scan was left out.

    `taken` is Unix time in seconds when the scan began. `left_out` are the series that live on and are not in
    `readings` because of the limit on series; the same object as long as they are the same.
    """

    taken: float
    readings: Sequence[Readings] = ()
    left_out: Sequence[SeriesSet] = ()
    failure: ScanFailure | None = None
    report: ScanReport = field(default_factory=ScanReport)
