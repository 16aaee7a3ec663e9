"""What rule counters gained: each packet is told once, and none of a time in which its rule was not known."""

from __future__ import annotations

from otel_calico.ebpf.gains import RuleGains

RULE, OTHER = 5, 9
BOTH = {RULE: None, OTHER: None}


def begun() -> RuleGains:
    gains = RuleGains()
    assert gains.look({RULE: 100, OTHER: 100}, BOTH) == {}
    return gains


def test_each_packet_since_the_first_look_is_told_once() -> None:
    gains = begun()
    assert gains.look({RULE: 103, OTHER: 100}, BOTH) == {RULE: 3}
    assert gains.look({RULE: 103, OTHER: 100}, BOTH) == {}
    assert gains.look({RULE: 104, OTHER: 102}, BOTH) == {RULE: 1, OTHER: 2}


def test_entries_that_come_and_go_change_nothing_of_the_others() -> None:
    gains = begun()
    assert gains.look({OTHER: 101, 7: 4, RULE: 100}, {**BOTH, 7: None}) == {OTHER: 1, 7: 4}
    assert gains.look({RULE: 102}, BOTH) == {RULE: 2}
    assert gains.look({RULE: 102, OTHER: 5}, BOTH) == {OTHER: 5}


def test_an_entry_that_fell_was_made_anew() -> None:
    gains = begun()
    assert gains.look({RULE: 8, OTHER: 100}, BOTH) == {RULE: 8}


def test_what_a_rule_counted_before_its_file_was_written_is_told_as_soon_as_it_is_known() -> None:
    gains = begun()
    assert gains.look({RULE: 100, OTHER: 101, 7: 4}, BOTH) == {OTHER: 1}
    assert gains.look({RULE: 100, OTHER: 101, 7: 6}, {**BOTH, 7: None}) == {7: 6}


def test_what_counted_until_its_rule_was_no_longer_known_is_not_told_when_it_is_known_again() -> None:
    gains = begun()
    assert gains.look({RULE: 106, OTHER: 101}, {OTHER: None}) == {OTHER: 1}
    assert gains.look({RULE: 106, OTHER: 101}, BOTH) == {}
    assert gains.look({RULE: 107, OTHER: 101}, BOTH) == {RULE: 1}
