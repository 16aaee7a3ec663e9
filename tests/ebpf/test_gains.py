"""What rule counters gained: each packet is told once, and none of a time in which its rule was not known."""

from __future__ import annotations

from collections.abc import Mapping

from otel_calico.ebpf.gains import RuleCounterGains

RULE, OTHER = 5, 9
BOTH = {RULE: None, OTHER: None}


class Looks:
    """Two rules that counted 100 before the first look."""

    def __init__(self) -> None:
        self._gains = RuleCounterGains()
        assert self({RULE: 100, OTHER: 100}, BOTH) == {}

    def __call__(self, rules: Mapping[int, int], known: Mapping[int, None]) -> Mapping[int, int]:
        """What the rules gained that gained something."""
        gained = self._gains.look(rules, known)
        assert gained.ids == list(rules)
        assert gained.unknown == len(rules.keys() - known.keys())
        return {match_id: packets for match_id, packets in zip(gained.ids, gained.packets, strict=True) if packets}


def test_each_packet_since_the_first_look_is_told_once() -> None:
    look = Looks()
    assert look({RULE: 103, OTHER: 100}, BOTH) == {RULE: 3}
    assert look({RULE: 103, OTHER: 100}, BOTH) == {}
    assert look({RULE: 104, OTHER: 102}, BOTH) == {RULE: 1, OTHER: 2}


def test_entries_that_come_and_go_change_nothing_of_the_others() -> None:
    look = Looks()
    assert look({OTHER: 101, 7: 4, RULE: 100}, {**BOTH, 7: None}) == {OTHER: 1, 7: 4}
    assert look({RULE: 102}, BOTH) == {RULE: 2}
    assert look({RULE: 102, OTHER: 5}, BOTH) == {OTHER: 5}


def test_an_entry_that_fell_was_made_anew() -> None:
    look = Looks()
    assert look({RULE: 8, OTHER: 100}, BOTH) == {RULE: 8}


def test_what_a_rule_counted_before_its_file_was_written_is_told_as_soon_as_it_is_known() -> None:
    look = Looks()
    assert look({RULE: 100, OTHER: 101, 7: 4}, BOTH) == {OTHER: 1}
    assert look({RULE: 100, OTHER: 101, 7: 6}, {**BOTH, 7: None}) == {7: 6}


def test_what_counted_until_its_rule_was_no_longer_known_is_not_told_when_it_is_known_again() -> None:
    look = Looks()
    assert look({RULE: 106, OTHER: 101}, {OTHER: None}) == {OTHER: 1}
    assert look({RULE: 106, OTHER: 101}, BOTH) == {}
    assert look({RULE: 107, OTHER: 101}, BOTH) == {RULE: 1}
