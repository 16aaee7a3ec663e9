"""What counts as moved between two looks at a node."""

from __future__ import annotations

from itertools import pairwise

from otel_calico.metrics import NO_POLICY_DROP
from otel_calico.node_page.history import FORGET_SECONDS, STEP_SECONDS, History
from otel_calico.node_page.movement import Movement
from otel_calico.scanning.scan import Scan
from otel_calico.series import Readings, SeriesSet
from otel_calico.snapshot import ScanFailure, Snapshot
from tests.telemetry.snapshots import WEB, series

START = 1_700_000_000.0
OTHER = {**WEB, "pod": "web-1"}


def at(seconds: float, *readings: Readings) -> Snapshot:
    return Snapshot(START + seconds, readings)


def gained(former: Snapshot | None, latest: Snapshot) -> dict[str, tuple[int, int]]:
    return {one.labels["pod"]: (one.gained, one.total) for one in Movement(former, latest).of(NO_POLICY_DROP)}


def test_a_series_moved_by_what_it_gained_and_a_reset_takes_nothing_back() -> None:
    both = series(NO_POLICY_DROP, WEB, OTHER)
    former, latest = at(0, Readings(both, (5, 7))), at(10, Readings(both, (9, 2), lost=(0, 7)))
    assert gained(former, latest) == {"web-0": (4, 9), "web-1": (2, 2)}
    assert Movement(former, latest).seconds == 10


def test_a_series_whose_chain_was_planned_anew_goes_on_and_one_that_appeared_counts_in_full() -> None:
    former = at(0, Readings(series(NO_POLICY_DROP, WEB), (5,)))
    appeared = SeriesSet(NO_POLICY_DROP, (OTHER,), (int((START + 5) * 1e9),))
    latest = at(10, Readings(series(NO_POLICY_DROP, WEB), (8,)), Readings(appeared, (3,)))
    assert gained(former, latest) == {"web-0": (3, 8), "web-1": (3, 3)}


def test_nothing_is_said_to_move_before_there_is_something_to_compare_with() -> None:
    latest = at(0, Readings(series(NO_POLICY_DROP, WEB), (5,)))
    assert gained(None, latest) == {"web-0": (0, 5)}
    assert Movement(None, latest).seconds == 0


def scan(seconds: float) -> Scan:
    return Scan(at(seconds))


def test_a_look_compares_with_the_scan_before_and_later_ones_with_one_of_a_step_or_two_ago() -> None:
    history = History()
    scans = [scan(second) for second in range(0, 100, 5)]
    formers = [history.former(before, latest) for before, latest in pairwise([scan(-60), *scans])]
    ages = [latest.taken - former.taken for former, latest in zip(formers, scans, strict=True) if former]
    assert ages[:3] == [60, 65, 70]
    assert set(ages[4:]) == {STEP_SECONDS, STEP_SECONDS + 5, STEP_SECONDS + 10}


def test_after_a_while_without_looks_the_scrape_before_is_compared_with() -> None:
    history = History()
    history.former(scan(0), scan(5))
    scraped = scan(70)
    assert history.former(scraped, scan(75)) is scraped


def test_a_failed_scan_moves_nothing_and_is_not_compared_with() -> None:
    history = History()
    failed = Scan(Snapshot(START + 5, failure=ScanFailure("empty", "no table")))
    first = scan(0)
    assert history.former(None, first) is None
    assert history.former(first, failed) is None
    assert history.former(failed, scan(10)) is first


def test_scans_are_let_go_when_nobody_looked_for_a_while() -> None:
    clock = [0.0]
    history = History(lambda: clock[0])
    history.former(scan(0), scan(5))
    history.forget(at(6))
    assert not history.empty
    clock[0] = FORGET_SECONDS + 1
    history.forget(at(7))
    assert history.empty
