"""Recorded states of real eBPF dataplanes, as directories that `--ebpf-state` takes: see README.md beside this file."""

from __future__ import annotations

import atexit
import json
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_ARCHIVES = Path(__file__).parent / "ebpf"
RELEASES = ("v3.29.7", "v3.32.1")


@dataclass(frozen=True)
class RecordedState:
    """One state of one release. `path` is a directory for this run of the tests."""

    release: str
    name: str

    @property
    def path(self) -> Path:
        return _unpacked() / self.release / self.name

    def json(self, name: str) -> Any:
        """A file of it, such as `truth.json`."""
        return json.loads((self.path / name).read_text())

    @property
    def counts_by_id(self) -> dict[int, int]:
        """What the recorder read of the rule counters, all CPUs together."""
        return {int(match_id): packets for match_id, packets in self.json("rule_counters.summed.json").items()}

    @property
    def pods(self) -> dict[str, str]:
        """Namespace and name of the pod behind each workload interface."""
        return {interface: pod for interface, pod in self.json("truth.json")["interfaces"].items() if pod != "ext/ext"}

    def __str__(self) -> str:
        return f"{self.release} {self.name}"


def states(*names: str) -> list[RecordedState]:
    """The recorded states of all releases; those of these names, where some are given."""
    found = [(release, name) for release in RELEASES for name in _names(release)]
    return [RecordedState(release, name) for release, name in found if not names or name in names]


def match_ids() -> dict[str, list[list[str]]]:
    """Rows of columns by release: ids as each release's own code computed them."""
    with tarfile.open(_ARCHIVES / "match-ids.tar.xz") as archive:
        return {
            member.name.removesuffix(".tsv"): [line.split("\t") for line in file.read().decode().splitlines()]
            for member in archive
            if (file := archive.extractfile(member))
        }


@cache
def _names(release: str) -> list[str]:
    with tarfile.open(_ARCHIVES / f"{release}.tar.xz") as archive:
        paths = (Path(member.name).parts for member in archive)
        return sorted({parts[1] for parts in paths if len(parts) > 1})


@cache
def _unpacked() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="ebpf-states-")
    atexit.register(directory.cleanup)
    for release in RELEASES:
        with tarfile.open(_ARCHIVES / f"{release}.tar.xz") as archive:
            archive.extractall(directory.name, filter="data")
    return Path(directory.name)
