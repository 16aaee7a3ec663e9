"""A fault of otel-calico's own in one part of a scan: that part's series are left out, the rest of the page stands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from otel_calico.accounting import groups, raw
from otel_calico.calico.model import IPVersion
from otel_calico.failed_parts import ScanPart
from otel_calico.metrics import POLICY_LAST_HIT, POLICY_METRICS
from otel_calico.readiness import unread_rules
from otel_calico.scanning.collector import Collector
from otel_calico.snapshot import Snapshot
from tests.attribution.node import page
from tests.scanning.faults import FAULTS, GROUP, TO_POD, Fault, Shop, of_group, reading

COUNTED = [metric for metric in POLICY_METRICS if metric is not POLICY_LAST_HIT]


def values(snapshot: Snapshot) -> Mapping[str, int]:
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in page(snapshot, *COUNTED)}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_the_series_of_a_part_that_fails_are_left_out_and_all_others_are_what_they_were(fault: Fault) -> None:
    shop, whole = Shop(), Shop()
    for _ in range(2):
        expected = values(whole.look())
        with fault.broken():
            snapshot = shop.look()
        assert [(failed.part, failed.chain, failed.kind) for failed in snapshot.report.failed_parts] == [
            (fault.part, chain, "RuntimeError") for chain in fault.chains
        ]
        assert values(snapshot) == {line: value for line, value in expected.items() if not fault.lost(line)} != expected


@pytest.mark.parametrize(
    ("fault", "looks"), [(fault, looks) for looks in (0, 2) for fault in FAULTS if fault.again or not looks], ids=str
)
def test_what_a_part_remembers_of_a_scan_in_which_it_failed_invents_nothing_later(fault: Fault, looks: int) -> None:
    shop, whole = Shop(), Shop()
    for one in (shop, whole) * looks:
        one.look()
    with fault.broken():
        assert shop.look().report.failed_parts
    whole.look()

    shown, truth = values(shop.look()), values(whole.look())
    assert shown.keys() == truth.keys()
    assert {line: value for line, value in shown.items() if value > truth[line]} == {}

    later, true_later = values(shop.look()), values(whole.look())
    assert {line: later[line] - shown[line] for line in shown} == {
        line: true_later[line] - truth[line] for line in truth
    }


@pytest.mark.parametrize(("name", "group"), [("_decisions", GROUP), ("_moved", "")])
def test_a_group_whose_shares_cannot_be_told_keeps_the_packets_of_its_members(name: str, group: str) -> None:
    fault = Fault(groups, name, lambda _: True, ScanPart.GROUP_SHARES, (group,), lambda _: False)
    shop, whole = Shop(), Shop()
    with fault.broken():
        snapshot = shop.look()
    assert [(failed.part, failed.chain) for failed in snapshot.report.failed_parts] == [(ScanPart.GROUP_SHARES, group)]
    shown, expected = values(snapshot), values(whole.look())
    assert {line: value for line, value in shown.items() if not of_group(line)} == {
        line: value for line, value in expected.items() if not of_group(line)
    }
    packets = {line: value for line, value in shown.items() if "policy.packets" in line and of_group(line) and value}
    assert ["default.web,shop" in line for line in packets] == [True, True]
    assert list(packets.values()) == [3, 3]


def test_a_failure_is_counted_with_every_scan_and_logged_once_for_each_part_and_kind_with_its_traceback() -> None:
    shop = Shop()
    collector = Collector(shop.node.scanner, freshness=0.0)
    fault = Fault(raw.RawAccount, "read", reading(TO_POD), ScanPart.ENDPOINT_CHAIN, (TO_POD,), lambda _: False)
    shop.node.source.dumps[IPVersion.V4] = shop.send()
    with fault.broken(), capture_logs() as logs:
        for _ in range(3):
            collector.scan()
    assert collector.tally.failed_parts == {ScanPart.ENDPOINT_CHAIN: 3}
    (told,) = (entry for entry in logs if entry["event"] == "scan_part_failed")
    assert (told["part"], told["chain"]) == ("endpoint_chain", TO_POD)
    assert told["exception"].startswith("Traceback (most recent call last)")
    assert told["exception"].endswith("RuntimeError: a fault")
    assert list(unread_rules(collector.scan().snapshot.report)) == []


def test_whoever_looks_at_the_node_is_told_what_is_left_out() -> None:
    shop = Shop()
    fault = Fault(raw.RawAccount, "read", reading(TO_POD), ScanPart.ENDPOINT_CHAIN, (TO_POD,), lambda _: False)
    with fault.broken():
        report = shop.look().report
    assert list(unread_rules(report)) == [
        f"a fault of otel-calico's own leaves out {TO_POD}: file a bug with the traceback in the log"
    ]
