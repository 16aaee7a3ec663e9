"""Expressions of a rule as the kernel has them, put into the words of nft's JSON.

A rule is a little program (`linux/netfilter/nf_tables.h`): expressions load values into registers, change them, compare
them, and act. `nft` writes a load and what uses it as one. The same is done here, for what Felix's rules say of their
packets' fate: the mark, the state of the connection, verdicts and logs. Of any other expression only its kind is told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from otel_calico.ruleset.nft_rule import Expression
from otel_calico.sources.netlink.messages import attributes, number, string, values

MARK: Expression = {"meta": {"key": "mark"}}
STATE: Expression = {"ct": {"key": "state"}}
_OTHER: Expression = {"other": None}
_OTHER_CHANGE: Expression = {"mangle": {"key": _OTHER, "value": 0}}

_NAME, _DATA = 1, 2  # NFTA_EXPR_*
_VALUE, _VERDICT = 1, 2  # NFTA_DATA_*
_MARK_KEY, _STATE_KEY = 3, 0  # NFT_META_MARK, NFT_CT_STATE
_VERDICT_REGISTER, _FIRST_OF_4 = 0, 8
_OPERATORS = ("==", "!=", "<", "<=", ">", ">=")  # NFT_CMP_*
_VERDICTS = {0: "drop", 1: "accept", -1: "continue", -3: "jump", -4: "goto", -5: "return"}
_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
_COUNTER_OBJECT = 1  # NFT_OBJECT_COUNTER
_LOADS = {
    "byteorder": 2, "fib": 1, "hash": 2, "numgen": 1, "osf": 1, "rt": 1, "socket": 2, "tunnel": 2, "xfrm": 1
}  # fmt: skip
"""Expressions that do nothing but load a register, and which attribute says which."""

_CHANGES = {"exthdr": (1, 7), "payload": (1, 5)}
"""Expressions that load a register or write one into the packet, and the attributes that say which."""

Values = Mapping[int, bytes]


def split_expressions(data: bytes, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The kind of each expression in a rule's list, and where its attributes are. Raises MalformedMessageError."""
    for _, first, last in attributes(data, start, end):
        name, found = "", (last, last)
        for kind, from_, to in attributes(data, first, last):
            if kind == _NAME:
                name = string(data[from_:to])
            elif kind == _DATA:
                found = from_, to
        yield name, *found


def in_words_of_nft(data: bytes) -> Iterator[Expression]:
    """A rule's list of expressions as nft's JSON has it. Raises MalformedMessageError."""
    registers = _Registers()
    for name, start, end in split_expressions(data, 0, len(data)):
        reader = _READERS.get(name)
        if reader:
            yield from reader(registers, values(data, start, end))
        elif name in _LOADS:
            registers.load(values(data, start, end).get(_LOADS[name]), _OTHER)
        else:
            yield _OTHER


class _Registers:
    """What each register holds, in words of JSON."""

    def __init__(self) -> None:
        self._held: dict[int, Any] = {}

    def load(self, register: bytes | None, value: Any) -> None:
        """Remember what a register holds from now on."""
        self._held[_place(register)] = value

    def held(self, register: bytes | None) -> Any:
        """What a register holds."""
        return self._held.get(_place(register), _OTHER)


def _place(register: bytes | None) -> int:
    """Registers of 16 bytes (1 to 4) and those of 4 (from 8 on) are the same memory."""
    place = number(register or b"")
    return place if place == _VERDICT_REGISTER or place >= _FIRST_OF_4 else _FIRST_OF_4 + 4 * (place - 1)


def _number(data: bytes) -> int:
    """A number in the machine's byte order, as marks are."""
    return int.from_bytes(values(data, 0, len(data)).get(_VALUE, b""), sys.byteorder)


def _meta(registers: _Registers, given: Values) -> Iterator[Expression]:
    of_mark = number(given.get(2, b"")) == _MARK_KEY
    if 3 in given:
        yield {"mangle": {"key": MARK, "value": registers.held(given[3])}} if of_mark else _OTHER_CHANGE
    else:
        registers.load(given.get(1), MARK if of_mark else _OTHER)


def _ct(registers: _Registers, given: Values) -> Iterator[Expression]:
    if 4 in given:
        yield _OTHER_CHANGE
    else:
        registers.load(given.get(1), STATE if number(given.get(2, b"")) == _STATE_KEY else _OTHER)


def _bitwise(registers: _Registers, given: Values) -> Iterator[Expression]:
    value: Any = _OTHER
    if not number(given.get(6, b"")) and len(given.get(4, b"")) == len(given.get(5, b"")) == 8:
        value = {"&": [registers.held(given.get(1)), _number(given[4])]}
        if flipped := _number(given[5]):
            value = {"^": [value, flipped]}
    registers.load(given.get(2), value)
    yield from ()


def _compare(registers: _Registers, given: Values) -> Iterator[Expression]:
    left, right = registers.held(given.get(1)), _number(given.get(3, b""))
    place = number(given.get(2, b""))
    operator = _OPERATORS[place] if place < len(_OPERATORS) else ""
    of_states = left.get("&") if isinstance(left, dict) else None
    if of_states and of_states[0] == STATE and right == 0:
        yield _match({"!=": "in", "==": "!"}.get(operator, operator), STATE, _states(of_states[1]))
    else:
        yield _match(operator, left, _states(right) if left == STATE else right)


def _match(operator: str, left: Any, right: Any) -> Expression:
    return {"match": {"op": operator, "left": left, "right": right}}


def _states(bits: int) -> list[str]:
    return [name for bit, name in _STATES.items() if bits & bit]


def _range(registers: _Registers, given: Values) -> Iterator[Expression]:
    yield _match("==", registers.held(given.get(1)), {"range": []})


def _lookup(registers: _Registers, given: Values) -> Iterator[Expression]:
    if 3 not in given:
        yield _match("==", registers.held(given.get(2)), {"set": []})
    elif _place(given[3]) == _VERDICT_REGISTER:
        yield {"vmap": None}
    else:
        registers.load(given[3], _OTHER)


def _immediate(registers: _Registers, given: Values) -> Iterator[Expression]:
    data = given.get(2, b"")
    if _place(given.get(1)) != _VERDICT_REGISTER:
        registers.load(given[1], _number(data))
        return
    verdict = values(data, 0, len(data)).get(_VERDICT, b"")
    parts = values(verdict, 0, len(verdict))
    code = int.from_bytes(parts.get(1, b""), "big", signed=True)
    yield {_VERDICTS[code]: {"target": string(parts.get(2, b""))}} if code in _VERDICTS else _OTHER


def _log(_: _Registers, given: Values) -> Iterator[Expression]:
    found: dict[str, Any] = {}
    if 1 in given:
        found["group"] = number(given[1])
    if 2 in given:
        found["prefix"] = string(given[2])
    yield {"log": found}


def _object(_: _Registers, given: Values) -> Iterator[Expression]:
    yield {"counter": None} if number(given.get(1, b"")) == _COUNTER_OBJECT else _OTHER


def _alone(kind: str) -> Callable[[_Registers, Values], Iterator[Expression]]:
    def read(_: _Registers, __: Values) -> Iterator[Expression]:
        yield {kind: None}

    return read


def _change(name: str) -> Callable[[_Registers, Values], Iterator[Expression]]:
    loaded, written = _CHANGES[name]

    def read(registers: _Registers, given: Values) -> Iterator[Expression]:
        if written in given or loaded not in given:
            yield _OTHER_CHANGE
        else:
            registers.load(given[loaded], _OTHER)

    return read


_READERS: Mapping[str, Callable[[_Registers, Values], Iterator[Expression]]] = {
    "bitwise": _bitwise,
    "cmp": _compare,
    "counter": _alone("counter"),
    "ct": _ct,
    "exthdr": _change("exthdr"),
    "immediate": _immediate,
    "log": _log,
    "lookup": _lookup,
    "meta": _meta,
    "notrack": _alone("notrack"),
    "objref": _object,
    "payload": _change("payload"),
    "range": _range,
    "reject": _alone("reject"),
}
