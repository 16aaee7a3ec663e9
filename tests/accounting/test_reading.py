"""Whatever becomes of tables, chains and save programs: no packet is booked that was not sent while somebody looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, IPVersion
from otel_calico.metrics import POLICY_PACKETS
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.sources.backends import Backend
from otel_calico.sources.kernel import KernelSettings, KernelSource
from tests.accounting.test_since_start import MIXED, OTHER, node_with
from tests.attribution.node import WEB, check
from tests.felix import allow, deny, render
from tests.felix.example import INTERFACE, UDP
from tests.felix.kernel import Kernel, Packet
from tests.sources.memory import BARE

PROGRAMS = {IPVersion.V4: "iptables-nft-save", IPVersion.V6: "ip6tables-nft-save"}
NODES = (
    node_with(MIXED),
    node_with(MIXED, OTHER),
    node_with(replace(MIXED, ingress=(deny(UDP, 1), allow(UDP, 9), allow(UDP, 2)))),
    replace(node_with(MIXED), mark_mask=0xFF000000),
)

versions = st.sampled_from(IPVersion)
events = st.one_of(
    st.tuples(st.just("send"), versions, st.sampled_from([1, 5, 100])),
    st.tuples(st.just("write"), versions, st.integers(0, len(NODES) - 1)),
    st.tuples(st.just("flush"), versions, st.none()),
    st.tuples(st.just("program"), versions, st.sampled_from(["works", "fails", "gone", "silent"])),
    st.tuples(st.just("program"), versions, st.just("works")),
)
steps = st.tuples(events, st.sampled_from([0, 1, 61, 61]))


class Machine:
    """A node whose programs, tables and packets do as they are told; the programs are shell scripts in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tables: dict[IPVersion, Kernel | None] = dict.fromkeys(IPVersion)
        self._now = 0.0
        lookups = Lookups()
        lookups.put("workloadendpoints", INTERFACE, WEB)
        source = KernelSource(KernelSettings([Backend.NFTABLES, Backend.NFT], netlink=False), lambda: self._now)
        self._scanner = NodeScanner(source, lookups)
        self._looked = False
        self.sent = 0
        for version in IPVersion:
            self.program(version, "works")

    def send(self, version: IPVersion, times: int) -> None:
        if table := self._tables[version]:
            table.send(Packet(INTERFACE, Direction.INGRESS, 2), times)
            self.sent += times if self._looked else 0

    def write(self, version: IPVersion, number: int) -> None:
        ruleset = render(NODES[number], version)
        if table := self._tables[version]:
            table.write(ruleset)
        else:
            self._tables[version] = Kernel(ruleset)

    def flush(self, version: IPVersion, _: None) -> None:
        self._tables[version] = None

    def program(self, version: IPVersion, how: str) -> None:
        path = self._directory / PROGRAMS[version]
        path.unlink(missing_ok=True)
        if how != "gone":
            ends = {"works": f"exec cat {path}.txt", "fails": "exit 4", "silent": "exit 0"}
            path.write_text(f"#!/bin/sh\n{ends[how]}\n")
            path.chmod(0o755)

    def scan(self, later: int) -> None:
        self._now += later
        for version, table in self._tables.items():
            (self._directory / f"{PROGRAMS[version]}.txt").write_text(table.dump() if table else BARE)
        snapshot = self._scanner.scan().snapshot
        self._looked = True
        check(snapshot)
        booked = sum(sum(one.values) for one in snapshot.readings if one.series.metric is POLICY_PACKETS)
        assert booked <= self.sent


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The only directory with programs, beside those of every machine; its `nft` knows no table."""
    path = tmp_path_factory.mktemp("programs")
    nft = path / "nft"
    nft.write_text("#!/bin/sh\necho 'Error: No such file or directory' >&2\nexit 1\n")
    nft.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{path}:/usr/bin:/bin")
        yield path


@pytest.mark.slow
@settings(max_examples=50, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(begun=st.booleans(), history=st.lists(steps, min_size=15, max_size=30))
def test_nothing_is_booked_that_was_not_sent(
    directory: Path, *, begun: bool, history: list[tuple[tuple[str, IPVersion, object], int]]
) -> None:
    machine = Machine(directory)
    for version in IPVersion if begun else ():
        machine.write(version, 0)
        machine.send(version, 7)
    machine.scan(1)
    for (event, version, how), later in history:
        getattr(machine, event)(version, how)
        if later:
            machine.scan(later)
