"""Programs that can be run only after the first look: rules that counted before are history, new ones are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.metrics import POLICY_PACKETS
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.snapshot import Snapshot
from otel_calico.sources.backends import Backend
from otel_calico.sources.kernel import KernelSettings, KernelSource
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.sources.conftest import Install
from tests.sources.memory import BARE

RULESETS = {version: render(example_node(Era.E), version) for version in IPVersion}
SAVE = {IPVersion.V4: "iptables-nft-save", IPVersion.V6: "ip6tables-nft-save"}
NO_TABLE = "echo 'Error: No such file or directory' >&2; exit 1"


class Node:
    """A node whose programs come and go. Each rule counts what `dump` was told last."""

    def __init__(self, install: Install, directory: Path) -> None:
        self._install, self._directory = install, directory
        self._now = 0.0
        source = KernelSource(KernelSettings([Backend.NFTABLES, Backend.NFT], netlink=False), clock=lambda: self._now)
        self.collector = Collector(NodeScanner(source, Lookups()), freshness=0.0)

    def nft(self, script: str) -> None:
        """Install `nft`."""
        self._install("nft", script)

    def save(self, version: IPVersion, script: str) -> None:
        """Install the save program of an IP version."""
        self._install(SAVE[version], script)

    def prints(self, text: str) -> str:
        """The script of a program that prints this."""
        path = self._directory / f"{abs(hash(text))}.txt"
        path.write_text(text)
        return f"cat {path}"

    def counting(self, version: IPVersion, packets: int) -> None:
        """Install the save program of an IP version, by whose rules each so many packets came."""
        ruleset = RULESETS[version]
        self.save(version, self.prints(ruleset.dump(dict.fromkeys(ruleset.hashes, (packets, packets * 60)))))

    def scan(self) -> Snapshot:
        """A scan a minute later, which looks at everything."""
        self._now += 61.0
        return self.collector.scan().snapshot


@pytest.fixture
def node(install: Install, tmp_path: Path) -> Node:
    return Node(install, tmp_path)


def totals(snapshot: Snapshot) -> Mapping[str, int]:
    """What policies allowed since the start."""
    return {
        labels["calico.policy.name"]: value
        for one in snapshot.readings
        if one.series.metric is POLICY_PACKETS
        for labels, value in zip(one.series.labels, one.values, strict=True)
        if labels["calico.verdict"] == "allow"
    }


def test_rules_that_a_program_shows_which_is_installed_late_counted_before(node: Node) -> None:
    node.nft(NO_TABLE)
    failure = node.scan().failure
    assert failure
    assert failure.kind == "no_calico_chains"

    node.counting(IPVersion.V4, 500)
    first = totals(node.scan())
    assert first
    assert set(first.values()) == {0}
    node.counting(IPVersion.V4, 503)
    assert max(totals(node.scan()).values()) == 3


def test_so_did_rules_of_an_ip_version_whose_program_is_installed_late(node: Node) -> None:
    node.nft(NO_TABLE)
    assert node.scan().failure
    node.counting(IPVersion.V4, 0)
    node.scan()

    node.counting(IPVersion.V6, 500)
    assert set(totals(node.scan()).values()) == {0}
    node.counting(IPVersion.V6, 503)
    assert max(totals(node.scan()).values()) == 3


def test_rules_that_felix_writes_where_a_look_found_none_count_in_full(node: Node) -> None:
    for version in IPVersion:
        node.save(version, node.prints(BARE))
    assert node.scan().failure

    node.counting(IPVersion.V4, 500)
    assert max(totals(node.scan()).values()) == 500


def test_an_ip_version_that_cannot_be_read_is_left_out_and_told_until_it_can(node: Node) -> None:
    node.counting(IPVersion.V4, 500)
    node.save(IPVersion.V6, "echo 'it is Tuesday' >&2; exit 3")
    with capture_logs() as logs:
        snapshots = [node.scan() for _ in range(3)]

    reason = "ip6tables-nft-save ended with exit status 3: it is Tuesday"
    told = [(log["ip_version"], log["reason"]) for log in logs if log["event"] == "ip_version_unreadable"]
    assert told == [("ipv6", reason)]
    for snapshot in snapshots:
        assert snapshot.failure is None
        assert snapshot.report.unreadable == {"ipv6": reason}
        assert set(snapshot.report.rules) == {"ipv4"}

    node.counting(IPVersion.V6, 500)
    snapshot = node.scan()
    assert (snapshot.report.unreadable, set(snapshot.report.rules)) == ({}, {"ipv4", "ipv6"})
    assert set(totals(snapshot).values()) == {0}
