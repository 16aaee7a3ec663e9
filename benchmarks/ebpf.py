"""A scan of the eBPF dataplane: real pinned maps of this kernel, debug files, and what is made of them."""

from __future__ import annotations

import statistics
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.shapes import Scale
from benchmarks.table import Row, milliseconds, progress
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Verdict, WorkloadEndpoint
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROPPED_BY_POLICY
from otel_calico.ebpf.map_entries import RULE_COUNTERS
from otel_calico.ebpf.match_ids import IdForm
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.ebpf_scanner import EbpfScanner
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.sources.ebpf import EbpfNode
from tests.ebpf.model import ModelNode, ModelPolicy, ModelRule
from tests.node.bpf_maps import PER_CPU_HASH, BpfMap
from tests.node.ebpf import EbpfMachine
from tests.node.namespace import Namespace

_BAR = 10.0
"""Milliseconds of CPU a scan may take, with 5,000 rules and 220 entries of interfaces."""

_RULES, _POLICIES_OF_A_POD = 5, 9
_INTERFACE_COUNTERS = struct.Struct("=27Q")
_MOVING = {0, ACCEPTED, DROPPED_BY_POLICY}


def measure(scale: Scale) -> list[Row]:
    """One row where nothing moved, and one where all counters did."""
    with (
        Namespace() as namespace,
        BpfMap(PER_CPU_HASH, 8, 8, entries=10_000) as rules,
        BpfMap(PER_CPU_HASH, 8, _INTERFACE_COUNTERS.size, entries=20_000) as interfaces,
    ):
        machine = EbpfMachine(namespace).prepare()
        node = _node(scale)
        entries = len(node.all_ids())
        counters = 2 * len(node.workloads)
        machine.have_interfaces(node.names)
        machine.write_debug_files(node.debug_files())
        lookups = Lookups()
        for interface in node.workloads:
            lookups.put("endpoints", interface, WorkloadEndpoint(interface, "shop", interface))
        settings = ScanSettings(SeriesChoice())
        collector = Collector(EbpfScanner(EbpfNode(machine.paths), lookups, settings), freshness=0.0)
        samples: dict[str, list[float]] = {"nothing moved": [], "one rule in ten moved": [], "every counter moved": []}
        rules.pin(machine.pinned / RULE_COUNTERS)
        interfaces.pin(machine.pinned / "cali_counters6")
        maps = _Maps(rules, interfaces)
        maps.count(node, 0)
        namespace.inside(collector.scan)
        time.sleep(1.1)  # debug files that were just written are read again
        namespace.inside(collector.scan)
        for number in range(1, scale.rounds + 1):
            progress(f"ebpf: round {number} of {scale.rounds}")
            samples["nothing moved"].append(_cpu(namespace, collector))
            maps.count(node, 2 * number, one_in=10)
            samples["one rule in ten moved"].append(_cpu(namespace, collector))
            maps.count(node, 2 * number + 1)
            samples["every counter moved"].append(_cpu(namespace, collector))
    return [
        Row(
            f"eBPF scan, {entries:,} rules, {counters} entries of interfaces, {what}",
            milliseconds(taken),
            f"≤ {_BAR:g} ms",
            1e3 * statistics.median(taken) <= _BAR,
        )
        for what, taken in samples.items()
    ]


def _cpu(namespace: Namespace, collector: Collector) -> float:
    """Seconds of CPU of one scan, the kernel's on its behalf included."""

    def scan() -> float:
        begun = time.thread_time()
        found = collector.scan()
        taken = time.thread_time() - begun
        if found.snapshot.failure or not found.snapshot.readings:
            raise RuntimeError(f"the scan failed: {found.snapshot.failure}")
        return taken

    return namespace.inside(scan)


def _node(scale: Scale) -> ModelNode:
    node = ModelNode(IdForm.KINDS)
    policies = list(_policies(scale.ebpf_policies))
    node.policies |= {policy.name: policy for policy in policies}
    for number in range(scale.ebpf_pods):
        chosen = [
            policies[(number * _POLICIES_OF_A_POD + place) % len(policies)] for place in range(_POLICIES_OF_A_POD)
        ]
        node.add_workload(f"cali{number:011x}", frozenset(policy.name for policy in chosen), profile=False)
    return node


def _policies(count: int) -> Iterator[ModelPolicy]:
    for number in range(count):
        rules = tuple(ModelRule(Verdict.ALLOW if place else Verdict.DENY, 1000 + place) for place in range(_RULES))
        yield ModelPolicy(f"policy-{number:04}", "default", dict.fromkeys(Direction, rules))


@dataclass(frozen=True, slots=True)
class _Maps:
    """Felix's maps of counters, which move in place."""

    rules: BpfMap
    interfaces: BpfMap

    def count(self, node: ModelNode, times: int, one_in: int = 1) -> None:
        """Let one in so many rules have counted more, and every interface more packets seen, accepted and dropped."""
        moved, others = (struct.pack("=Q", 7 * number + 1) for number in (times + 1, times))
        ids = sorted(node.all_ids())
        packets = {one: [others if place % one_in else moved] for place, one in enumerate(ids)}
        self.rules.update({struct.pack("=Q", match_id): values for match_id, values in packets.items()})
        numbers = _INTERFACE_COUNTERS.pack(*(7 * times + 1 if place in _MOVING else 0 for place in range(27)))
        places = ((index, hook) for index in node.names for hook in (0, 1))
        self.interfaces.update({struct.pack("=II", *place): [numbers] for place in places})
