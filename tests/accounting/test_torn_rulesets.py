"""One part of a dump names what another part does not have: chains come and go while a dump is read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, PolicyKind, WorkloadEndpoint
from otel_calico.metrics import FAMILIES
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.sources.ruleset_source import Dump
from tests.attribution.node import ScannedNode, check, page
from tests.felix import Endpoint, Era, Node, Policy, allow, kubernetes_profiles, render
from tests.sources.memory import MemorySource

UDP = 17
POD = WorkloadEndpoint("cali1", "shop", "web-0", ("10.0.0.5",))
ALL = ScanSettings(SeriesChoice(FAMILIES))
POLICIES = tuple(
    Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, name, "shop", selector="all()", ingress=(allow(UDP, port),))
    for name, port in (("web", 80), ("dns", 53))
)
"""They share a selector: Felix puts them into one group."""


def dump_of(*policies: Policy, ip_version: IPVersion = IPVersion.V4) -> str:
    endpoint = Endpoint(POD.interface, policies, (), kubernetes_profiles("shop"))
    return render(Node(Era.E, (endpoint,)), ip_version).dump()


def without_rules(dump: str, *beginnings: str) -> str:
    """The dump with the rules of these chains removed; the chains stay declared."""
    appended = tuple(f"-A {beginning}" for beginning in beginnings)
    return "".join(line for line in dump.splitlines(keepends=True) if not line.partition("] ")[2].startswith(appended))


class LookedTwice(MemorySource):
    """Legacy tables without the lock, of which every read shows the next of these looks."""

    def __init__(self, *looks: Sequence[Dump]) -> None:
        super().__init__()
        self.unlocked = True
        self._looks = list(looks)

    def read(self) -> Sequence[Dump]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]


@pytest.mark.parametrize(
    "beginning", ["cali-gi-", "cali-pi-", "cali-tw-", "cali-fw-", "cali-pri-", "cali-from-wl-dispatch", "cali-"]
)
def test_chains_that_are_emptied_before_they_are_removed_do_not_end_the_scan(beginning: str) -> None:
    node, whole = ScannedNode(POD, settings=ALL), dump_of(*POLICIES)
    assert f"-A {beginning}" in whole
    node.start()
    for text in (without_rules(whole, beginning), whole, without_rules(whole, beginning), whole):
        snapshot = node.scan(text)
        assert snapshot.failure is None
    assert page(snapshot)


def test_a_group_that_was_declared_and_has_no_rules_yet_takes_nothing_from_the_page() -> None:
    whole = dump_of(*POLICIES)
    declared = whole.replace(":cali-tw-", ":cali-gi-AAAAAAAAAAAAAAAAAAAA - [0:0]\n:cali-tw-", 1)
    node, other = ScannedNode(POD, settings=ALL), ScannedNode(POD, settings=ALL)
    assert page(node.scan(declared)) == page(other.scan(whole)) != []


def test_a_chain_that_changes_between_two_looks_of_one_scan_is_read_by_its_new_rules() -> None:
    """The second look is compared with the first, and the account still follows the rules of the scan before."""
    before, fallen = dump_of(*POLICIES).replace("[0:0] -A", "[9:9] -A"), dump_of()
    looks = [before, before, fallen, fallen.replace("[0:0] -A", "[1:9] -A")]
    lookups = Lookups()
    lookups.put("workloadendpoints", POD.interface, POD)
    scanner = NodeScanner(LookedTwice(*([Dump(IPVersion.V4, text)] for text in looks)), lookups, ALL)
    for _ in range(2):
        snapshot = scanner.scan().snapshot
        check(snapshot)
        assert snapshot.failure is None


def test_an_ip_version_that_appears_between_two_looks_of_one_scan_is_read() -> None:
    v4, v6 = (Dump(version, dump_of(*POLICIES, ip_version=version)) for version in IPVersion)
    scanner = NodeScanner(LookedTwice([v4], [v4, v6]), Lookups(), ALL)
    snapshot = scanner.scan().snapshot
    assert snapshot.failure is None
    assert snapshot.report.rules.keys() == {"ipv4", "ipv6"}
