"""What the counters of the eBPF dataplane gained from look to look.

An entry that is new counts in full: entries are made by the first packet, and Felix deletes those of rules that are
gone. One that fell was deleted and made anew. What counted before the first look is history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import add, lt, ne, sub

from otel_calico.accounting.gains import NEW, gain
from otel_calico.ebpf.map_entries import InterfaceCounters, InterfaceHook, RuleCounters
from otel_calico.ebpf.state import EbpfState

InterfaceGains = Mapping[tuple[str, int], Sequence[int]]
"""By interface and hook: what each counter gained."""


class RuleGains:
    """Rule counters, look after look."""

    def __init__(self) -> None:
        self._booked: RuleCounters | None = None
        self._known: Mapping[int, object] = {}

    def look(self, rules: RuleCounters, known: Mapping[int, object]) -> Mapping[int, int]:
        """What each of the known ids gained since it was last told.

        New ones are told of once they are known. What an id counted until it was known no longer is of no series.
        """
        former, known_before, self._known = self._booked, self._known, known
        if former is None:
            self._booked = rules
            return {}
        if rules == former:
            return {}
        moved = _moved_rules(rules, former)
        told = moved if moved.keys() <= known.keys() else {one: moved[one] for one in moved.keys() & known.keys()}
        if told is moved:
            self._booked = rules
        else:
            kept = {one: packets for one, packets in former.items() if one in rules}
            gone = {one: moved[one] for one in (moved.keys() & known_before.keys()) - known.keys()}
            self._booked = kept | gone | told
        befores = map(former.get, told, repeat(NEW))
        return dict(zip(told, map(gain, befores, told.values()), strict=True))

    def pass_over(self, rules: RuleCounters) -> None:
        """Take what is counted now as history."""
        self._booked = rules


class InterfaceCounterGains:
    """Interface counters of all maps, look after look: an upgrade of Calico leaves the former release's map."""

    def __init__(self) -> None:
        self._maps: Mapping[str, InterfaceCounters] | None = None
        self._names: Mapping[int, str] = {}

    def look(self, state: EbpfState) -> InterfaceGains:
        """What the counters of interfaces that exist gained; those that gained nothing are left out."""
        former, former_names = self._maps, self._names
        self._maps, self._names = state.interfaces, state.names
        if former is None:
            return {}
        gains: dict[tuple[str, int], Sequence[int]] = {}
        for name, counters in state.interfaces.items():
            before = former.get(name, {})
            for place, numbers in _moved(counters, before):
                interface = state.names.get(place.ifindex)
                if interface is None:
                    continue
                known = before.get(place) if former_names.get(place.ifindex) == interface else None
                gained = _gained(numbers, known)
                key = interface, place.hook
                gains[key] = list(map(add, gains[key], gained)) if key in gains else gained
        return gains


def _moved_rules(rules: RuleCounters, former: RuleCounters) -> dict[int, int]:
    """Those that counted something. The kernel lists entries in one order as long as none comes or goes."""
    if list(rules) == list(former):
        moved: Iterable[int] = compress(rules, map(ne, rules.values(), former.values()))
    else:
        moved = [match_id for match_id, packets in rules.items() if former.get(match_id) != packets]
    return {match_id: rules[match_id] for match_id in moved}


def _moved(counters: InterfaceCounters, before: InterfaceCounters) -> Iterable[tuple[InterfaceHook, Sequence[int]]]:
    return ((place, numbers) for place, numbers in counters.items() if before.get(place) != numbers)


def _gained(numbers: Sequence[int], before: Sequence[int] | None) -> Sequence[int]:
    """All counters of an entry are deleted together: one that fell tells that all began anew."""
    if before is None or len(before) != len(numbers) or any(map(lt, numbers, before)):
        return numbers
    return list(map(sub, numbers, before))
