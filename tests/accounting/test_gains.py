"""What rules gained since the scan before, and whether that can be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_calico.accounting.gains import NEW, difference_gains, gain, gains
from otel_calico.attribution.planned_series import Difference

COUNTERS = st.integers(0, 2**64 - 1)
DENIED = Difference(0, (1, 2))


@given(COUNTERS, COUNTERS)
def test_a_rule_that_stays_counts_what_came_and_a_new_or_reset_one_counts_in_full(before: int, now: int) -> None:
    assert gain(before, now) == (now - before if now >= before else now)
    assert gain(NEW, now) == now
    assert gains([(before, 0)], [(now, now)]) == [(gain(before, now), now)]


def test_a_rule_whose_bytes_fell_was_reset_though_its_packets_are_more() -> None:
    assert gains([(10, 1500), (NEW, NEW)], [(12, 720), (3, 180)]) == [(12, 720), (3, 180)]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ((10, 4, 1), (18, 6, 2), 5),
        ((NEW, NEW, NEW), (18, 6, 2), 10),
        ((10, 4, NEW), (18, 6, 2), None),  # rules that do not count from the same scan
        ((10, 4, 1), (18, 3, 2), None),  # one was reset
        ((10, 4, 1), (11, 6, 2), -2),  # packets in flight while the dump was read
    ],
)
def test_a_difference_is_told_only_where_all_its_rules_count_from_the_scan_before(
    before: tuple[int, ...], now: tuple[int, ...], found: int | None
) -> None:
    assert difference_gains([DENIED], before, now, lambda: False) == [found]


def test_a_rule_of_no_difference_that_fell_leaves_single_rules_told_and_is_asked_for_only_where_it_matters() -> None:
    accepted = Difference(1, ())
    assert difference_gains([DENIED, accepted], (10, 4, 1), (18, 6, 2), lambda: True) == [None, 2]

    def asked() -> bool:
        raise AssertionError

    assert difference_gains([DENIED, accepted], (10, 4, 1), (12, 6, 1), asked) == [0, 2]
