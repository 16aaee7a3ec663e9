"""The messages of one chain's rules, scan after scan: taken apart once, and only their counters while rules stay.

A rule of nftables never changes: who edits it gets another one with another handle, and no handle of a table is used
twice (`nf_tables_newrule` and `nf_tables_alloc_handle` in `net/netfilter/nf_tables_api.c`). So a chain with the same
handles in the same order says what it said, and its counters stand where they stood.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, count
from operator import itemgetter

from otel_calico.ruleset.dump import KnownRules
from otel_calico.ruleset.layers import bare_name
from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import CountedChain, Layout
from otel_calico.sources.netlink.messages import MalformedMessageError, messages
from otel_calico.sources.netlink.rule_message import RuleMessage, RuleMessages, read_text

_FORWARDED = "cali-FORWARD"
_64_BITS = (1 << 64) - 1

_Numbers = tuple[int, ...]
_Buffer = bytearray | bytes


class Places:
    """Where in a chain's messages handles and counters stand."""

    def __init__(self, rules: Sequence[tuple[int, int, int]], size: int) -> None:
        """Of each rule the places of its handle, its bytes and its packets, the last two 0 where it has no counter."""
        self.size = size
        order = sorted({place for rule in rules for place in rule if place})
        self._numbers = struct.Struct(_format(order, size))
        number_of = {place: number for number, place in enumerate(order)} | {0: len(order)}
        self._handles, self._octets, self._packets = (
            _getter([number_of[rule[which]] for rule in rules]) for which in range(3)
        )

    def read(self, data: _Buffer) -> tuple[_Numbers, _Numbers, _Numbers]:
        """Handles, bytes and packets of all rules."""
        numbers = (*self._numbers.unpack_from(data), 0)
        return self._handles(numbers), self._octets(numbers), self._packets(numbers)


@lru_cache(maxsize=256)
def _places(rules: Sequence[tuple[int, int, int]], size: int) -> Places:
    """Pods of one kind have chains of one shape."""
    return Places(rules, size)


@dataclass(slots=True)
class ChainMessages:
    """A chain as it was read last.

    `entry` is its rule that leads forwarded packets into Calico's chains. `repeats` are the places of each rule where
    one was written twice, by others than Felix; what both counted is added up.
    """

    places: Places
    handles: _Numbers
    chain: CountedChain
    entry: int | None = None
    repeats: Sequence[Sequence[int]] = ()

    @property
    def repeated(self) -> int:
        """How many rules of the chain came before."""
        return sum(map(len, self.repeats)) - len(self.repeats)

    def takes(self, data: _Buffer, size: int) -> bool:
        """Take other counters from new messages if their rules are those the chain has; False if they are not.

        The chain is the same object while its counters are the same.
        """
        if size != self.places.size:
            return False
        handles, octets, packets = self.places.read(data)
        if handles != self.handles:
            return False
        self.count(packets, octets)
        return True

    def count(self, packets: _Numbers, octets: _Numbers) -> None:
        """Take the counters of all rules."""
        if self.repeats:
            packets, octets = _added_up(packets, self.repeats), _added_up(octets, self.repeats)
        if not self.chain.counts(packets, octets):
            self.chain = CountedChain(self.chain.layout, packets, octets)


class NewChains:
    """Takes apart the messages of chains that are new or have other rules, all of one scan."""

    def __init__(self) -> None:
        self._messages = RuleMessages()
        self._rules = KnownRules(read_text)

    def read(self, name: str, data: bytes) -> ChainMessages:
        """A chain, which has at least one rule. Raises MalformedMessageError.

        What rules say is kept of Calico's own chains only.
        """
        found = [self._messages.read(data, message) for message in messages(data)]
        if not found:
            raise MalformedMessageError(f"chain {name} has no rule")
        places = _places(tuple(map(_places_of, found)), len(data))
        handles, octets, packets = places.read(data)
        repeats: Sequence[Sequence[int]] = ()
        entry = None
        name = bare_name(name)
        if name.startswith("cali-"):
            hashes = tuple(_hashes(found))
            if len(set(hashes)) < len(hashes):
                repeats = _same(found)
                found = [found[same[0]] for same in repeats]
            layout = Layout(name, tuple(_hashes(found)), self._rules_of(found))
        else:
            layout = Layout(name, length=len(found))
            leads = (rule.target == _FORWARDED if rule else False for rule in self._rules_of(found))
            entry = next(compress(count(), leads), None)
        read = ChainMessages(places, handles, CountedChain(layout, (), ()), entry, repeats)
        read.count(packets, octets)
        return read

    def _rules_of(self, found: Sequence[RuleMessage]) -> tuple[Rule | None, ...]:
        return self._rules.of(tuple(rule.text for rule in found))


def _same(found: Sequence[RuleMessage]) -> Sequence[Sequence[int]]:
    """The places of each rule."""
    places: dict[tuple[str, bytes], list[int]] = {}
    for place, (rule_hash, rule) in enumerate(zip(_hashes(found), found, strict=True)):
        places.setdefault((rule_hash, rule.text), []).append(place)
    return tuple(places.values())


def _added_up(numbers: _Numbers, repeats: Sequence[Sequence[int]]) -> _Numbers:
    return tuple(min(sum(numbers[place] for place in same), _64_BITS) for same in repeats)


def _hashes(rules: Sequence[RuleMessage]) -> Iterator[str]:
    """A rule without a hash is not Felix's: told apart by its place and text."""
    return (rule.hash or f"{place}{rule.text!r}" for place, rule in enumerate(rules))


def _places_of(rule: RuleMessage) -> tuple[int, int, int]:
    return (rule.handle_at, *(rule.counter or (0, 0)))


def _format(places: Sequence[int], size: int) -> str:
    """What `struct` makes the numbers at these places of, each of eight bytes, and a whole of this size."""
    parts, position = [">"], 0
    for place in places:
        parts.append(f"{place - position}xQ")
        position = place + 8
    return "".join([*parts, f"{size - position}x"])


def _getter(places: Sequence[int]) -> Callable[[_Numbers], _Numbers]:
    if len(places) == 1:
        return lambda numbers: (numbers[places[0]],)
    return itemgetter(*places)
