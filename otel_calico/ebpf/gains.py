"""What the counters of the eBPF dataplane gained from look to look.

An entry that is new counts in full: entries are made by the first packet, and Felix deletes those of rules that are
gone. One that fell was deleted and made anew. What counted before the first look is history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, lt, sub

from otel_calico.accounting.gains import NEW, gain
from otel_calico.ebpf.map_entries import InterfaceCounters, InterfaceHook, RuleCounters
from otel_calico.ebpf.state import EbpfState

InterfaceGains = Mapping[tuple[str, int], Sequence[int]]
"""By interface and hook: what each counter gained."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleGains:
    """What each match id gained, in the order in which the map lists them.

    `ids` is the same object as before as long as no entry comes or goes. `unknown` is how many nobody can explain.
    """

    ids: Sequence[int]
    packets: Sequence[int]
    unknown: int


class RuleCounterGains:
    """Rule counters, look after look."""

    def __init__(self) -> None:
        self._ids: Sequence[int] = ()
        self._told: list[int] | None = None  # what each had counted when it was last told of, once there was a look
        self._known: Mapping[int, object] = {}
        self._unknown: tuple[Sequence[int], Sequence[int]] = (), ()  # the ids, and the places of the unknown ones

    def look(self, rules: RuleCounters, known: Mapping[int, object]) -> RuleGains:
        """What each of the known ids gained since it was last told; 0 of the others.

        New ones are told of once they are known. What an id counted until it was known no longer is of no series.
        """
        if self._told is None:
            self.pass_over(rules)
        told, packets = self._told_of(rules), list(rules.values())
        if known is not self._known or self._unknown[0] is not self._ids:
            unknown = [place for place, match_id in enumerate(self._ids) if match_id not in known]
            for place in unknown:
                if self._ids[place] in self._known:
                    told[place] = packets[place]
            self._known, self._unknown = known, (self._ids, unknown)
        gained = _gains(told, packets)
        for place in self._unknown[1]:
            gained[place], packets[place] = 0, told[place]
        self._told = packets
        return RuleGains(self._ids, gained, len(self._unknown[1]))

    def pass_over(self, rules: RuleCounters) -> None:
        """Take what is counted now as history."""
        self._told_of(rules)
        self._told = list(rules.values())

    def _told_of(self, rules: RuleCounters) -> list[int]:
        """What each of these entries had counted when it was last told of. Follows entries that come and go."""
        ids, told = list(rules), self._told or []
        if ids == self._ids:
            return told
        known = dict(zip(self._ids, told, strict=True))
        self._ids = ids
        return [known.get(match_id, NEW) for match_id in ids]


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


def _gains(before: Sequence[int], now: Sequence[int]) -> list[int]:
    """What each gained; mostly none of them is new, and none fell."""
    gained = list(map(sub, now, before))
    if min(before, default=0) < 0 or min(gained, default=0) < 0:
        return list(map(gain, before, now))
    return gained


def _moved(counters: InterfaceCounters, before: InterfaceCounters) -> Iterable[tuple[InterfaceHook, Sequence[int]]]:
    return ((place, numbers) for place, numbers in counters.items() if before.get(place) != numbers)


def _gained(numbers: Sequence[int], before: Sequence[int] | None) -> Sequence[int]:
    """All counters of an entry are deleted together: one that fell tells that all began anew."""
    if before is None or len(before) != len(numbers) or any(map(lt, numbers, before)):
        return numbers
    return list(map(sub, numbers, before))
