"""Maps that are pinned in this kernel's bpffs are read whole, whatever their size, and never changed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from otel_calico.ebpf.map_entries import InterfaceHook, interface_counters, rule_counters
from otel_calico.sources.bpf_syscall import map_info, pinned_map
from otel_calico.sources.ebpf import EbpfNode
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from otel_calico.sources.pinned_maps import count_cpus, key_by_key, possible_cpus, read_pinned
from tests.node.bpf_maps import HASH, PER_CPU_HASH, BpfMap
from tests.node.ebpf import EbpfMachine
from tests.node.namespace import Namespace
from tests.recordings.ebpf_states import RecordedState, states

pytestmark = pytest.mark.node


@pytest.fixture
def machine(namespace: Namespace) -> EbpfMachine:
    return EbpfMachine(namespace).prepare()


def rules(packets: dict[int, int]) -> dict[bytes, list[bytes]]:
    """Entries of rule counters; the packets came on the first CPU, but for one."""
    return {
        struct.pack("=Q", match_id): [struct.pack("=Q", number - 1), struct.pack("=Q", 1)][: possible_cpus()]
        for match_id, number in packets.items()
    }


@pytest.mark.parametrize("state", states(), ids=str)
def test_maps_of_the_kernel_tell_what_the_saved_state_does(machine: EbpfMachine, state: RecordedState) -> None:
    machine.load(state.path)
    node = EbpfNode(machine.paths)
    assert node.is_on()
    live, saved = machine.namespace.inside(node.read), EbpfStateDirectory(str(state.path)).read()
    assert live == saved


@pytest.mark.slow
@pytest.mark.parametrize("entries", [0, 1, 10_000])
def test_all_entries_are_read_with_batches_and_without(machine: EbpfMachine, entries: int) -> None:
    packets = {match_id * 2**50 + 1: match_id + 1 for match_id in range(entries)}
    path = machine.pinned / "cali_rule_ctrs2"
    with BpfMap(PER_CPU_HASH, 8, 8, 10_000) as made:
        made.update(rules(packets)).pin(path)
    read = read_pinned(path)
    counted = rule_counters(read.keys, read.values, read.cpus)
    assert len(counted) == entries
    if possible_cpus() > 1:
        assert counted == packets
    with pinned_map(path) as descriptor:
        keys, values = key_by_key(descriptor, map_info(descriptor), 8 * possible_cpus())
    assert rule_counters(keys, values, possible_cpus()) == counted


@pytest.mark.parametrize("counters", [14, 17, 25, 26, 27])
def test_the_number_of_counters_is_the_map_s_own(machine: EbpfMachine, counters: int) -> None:
    path = machine.pinned / "cali_counters6"
    entries = {
        struct.pack("=II", ifindex, hook): [struct.pack(f"={counters}Q", *range(ifindex, ifindex + counters))]
        for ifindex in range(1, 221)
        for hook in (0, 1)
    }
    with BpfMap(PER_CPU_HASH, 8, counters * 8, 20_000) as made:
        made.update(entries).pin(path)
    read = read_pinned(path)
    found = interface_counters(read.keys, read.values, read.cpus)
    assert len(found) == 440
    assert found[InterfaceHook(7, 1)] == tuple(range(7, 7 + counters))


def test_a_map_that_is_not_per_cpu_has_one_value(machine: EbpfMachine) -> None:
    path = machine.pinned / "cali_iface4"
    with BpfMap(HASH, 4, 52, 1_000) as made:
        made.update({struct.pack("=I", 3): [struct.pack("=I48s", 1, b"cali3")]}).pin(path)
    assert list(read_pinned(path)) == [(struct.pack("=I", 3), struct.pack("=I48s", 1, b"cali3"))]


def test_a_map_opened_for_reading_cannot_be_written(machine: EbpfMachine) -> None:
    path = machine.pinned / "cali_rule_ctrs2"
    with BpfMap(PER_CPU_HASH, 8, 8, 10) as made:
        made.update(rules({1: 2})).pin(path)
        with pinned_map(path) as descriptor, pytest.raises(PermissionError):
            made.update(rules({1: 3}), descriptor)


def test_no_descriptor_stays_open(machine: EbpfMachine) -> None:
    path = machine.pinned / "cali_rule_ctrs2"
    with BpfMap(PER_CPU_HASH, 8, 8, 10) as made:
        made.update(rules({1: 2})).pin(path)
    before = sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        read_pinned(path)
    assert sorted(entry.name for entry in Path("/proc/self/fd").iterdir()) == before


def test_without_felix_s_maps_there_is_no_ebpf_dataplane(machine: EbpfMachine) -> None:
    node = EbpfNode(machine.paths)
    assert not node.is_on()
    machine.load(states("1-before")[0].path)
    assert node.is_on()
    machine.switch_off()
    assert not node.is_on()
    assert list(machine.debug_files.iterdir())


@pytest.mark.parametrize(("ranges", "cpus"), [("0\n", 1), ("0-1", 2), ("0-3,8", 5), ("0,2-5,7-8", 7)])
def test_possible_cpus_are_counted_in_the_kernel_s_form(ranges: str, cpus: int) -> None:
    assert count_cpus(ranges) == cpus
