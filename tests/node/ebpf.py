"""A node whose Calico runs its eBPF dataplane: pinned maps in a bpffs of its own, debug files, interfaces.

What Felix's programs counted is taken from a recording or given by the test; nothing here counts packets.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otel_calico.ebpf.bpftool import read_entries, read_links
from otel_calico.ebpf.map_entries import RULE_COUNTERS
from otel_calico.sources.bpf_syscall import map_info, pinned_map
from otel_calico.sources.ebpf import DEBUG_FILES, PINNED, EbpfPaths
from otel_calico.sources.pinned_maps import possible_cpus
from tests.node.bpf_maps import HASH, PER_CPU_HASH, BpfMap
from tests.node.namespace import Namespace

_RULES, _INTERFACES, _STATES = 10_000, 20_000, 1_000
"""Entries of Felix's maps."""


@dataclass(frozen=True)
class EbpfMachine:
    """A node's namespace with what Felix would leave there."""

    namespace: Namespace

    def prepare(self) -> EbpfMachine:
        """Mount what a host has."""
        self.namespace.run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        self.pinned.mkdir(mode=0o700, parents=True)
        return self

    @property
    def pinned(self) -> Path:
        """Where maps are pinned."""
        return self.namespace.path(str(PINNED))

    @property
    def debug_files(self) -> Path:
        """Where debug files lie."""
        return self.namespace.path(f"{DEBUG_FILES}".replace("/var/run", "/run"))

    @property
    def paths(self) -> EbpfPaths:
        """Both, as this process finds them."""
        return EbpfPaths(self.pinned, self.debug_files)

    def load(self, state: Path) -> None:
        """Be as a recorded state was: its maps, its debug files, its interfaces with their indexes."""
        for path in self.pinned.iterdir():
            path.unlink()
        for path in sorted(state.glob("cali_*.json")):
            if not path.stem.endswith(".info"):
                self.pin(path.stem, read_entries(path.read_bytes()))
        self.write_debug_files({path.name: path.read_bytes() for path in state.glob("run-calico-bpf-policy/*.json")})
        self.have_interfaces(read_links((state / "ip-link.txt").read_text()))

    def pin(self, name: str, entries: Mapping[bytes, Sequence[bytes]], size: int = 8) -> None:
        """Pin a map of Felix's with these entries; `size` is that of its values if there are none."""
        per_cpu = not name.startswith("cali_iface")
        key_size = 8 if per_cpu else 4
        if entries:
            size = len(next(iter(entries.values()))[0])
        most = _RULES if name == RULE_COUNTERS else _INTERFACES if per_cpu else _STATES
        with BpfMap(PER_CPU_HASH if per_cpu else HASH, key_size, size, most) as made:
            made.update({key: _on_these_cpus(values) if per_cpu else values for key, values in entries.items()})
            made.pin(self.pinned / name)

    def write_debug_files(self, files: Mapping[str, bytes]) -> None:
        """Have these debug files and no others."""
        shutil.rmtree(self.debug_files, ignore_errors=True)
        self.debug_files.mkdir(parents=True)
        for name, content in files.items():
            (self.debug_files / name).write_bytes(content)

    def have_interfaces(self, names: Mapping[int, str]) -> None:
        """Have these interfaces and no others; the loopback is always there."""
        have = read_links(self.namespace.run("ip", "-o", "link"))
        for index, name in have.items():
            if index > 1 and names.get(index) != name:
                self.namespace.run("ip", "link", "del", name)
        for index, name in names.items():
            if index > 1 and have.get(index) != name:
                self.namespace.run("ip", "link", "add", name, "index", str(index), "type", "bridge")

    def forget_counters(self) -> None:
        """Have maps as large as before, without entries."""
        for path in list(self.pinned.iterdir()):
            if not path.name.startswith("cali_iface"):
                with pinned_map(path) as descriptor:
                    size = map_info(descriptor).value_size
                self.pin(path.name, {}, size)

    def pin_stale_counters(self, dump: Path) -> None:
        """Have the interface counters of a former release beside."""
        self.pin(dump.stem, read_entries(dump.read_bytes()))

    def close_directories(self) -> None:
        """Let nobody search the directories of the debug files, as Felix makes them."""
        for directory in (self.debug_files, self.debug_files.parent):
            directory.chmod(0o600)

    def remove_debug_files(self) -> None:
        """As Felix does when it starts with policy debug off."""
        shutil.rmtree(self.debug_files)

    def switch_off(self) -> None:
        """Be as Felix leaves a node when its eBPF dataplane is switched off: the debug files stay."""
        for path in self.pinned.iterdir():
            path.unlink()


def _on_these_cpus(values: Sequence[bytes]) -> Sequence[bytes]:
    """Values of the machine that was recorded, where this one may have fewer CPUs."""
    if len(values) <= possible_cpus():
        return values
    columns = zip(*(memoryview(value).cast("Q").tolist() for value in values), strict=True)
    return [b"".join(sum(column).to_bytes(8, "little") for column in columns)]
