"""Reads one rule of nftables into the same type as a rule of iptables.

Felix writes `MATCHES counter ACTION comment "cali:HASH; TEXTS"`, texts joined by spaces and the comment cut to 128
characters (`felix/nftables/renderer.go`). Its rules without a counter go on to a map of chains, or do nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from otel_calico.ruleset.layers import bare_name
from otel_calico.ruleset.rule import CUT, MalformedRuleError, Mark, Rule

_ALL_BITS = 0xFFFFFFFF
_VERDICTS = {"accept": "ACCEPT", "drop": "DROP", "reject": "REJECT", "return": "RETURN", "notrack": "NOTRACK"}
_JUMPS = {"jump", "goto"}
_NAMING = re.compile(r"(.+) ((?:Policy|Profile|[A-Z]\w*Policy) \S+ (?:ingress|egress))")
_ROOM = 105  # bytes that a comment has after `cali:HASH; `

_HASH_COMMENT = re.compile(r"cali:([A-Za-z0-9_-]{16}); ?")

Expression = Mapping[str, Any]
"""One expression as nft's JSON has it: its kind, and what belongs to it."""


def split_comment(comment: str) -> tuple[str, str]:
    """A rule's hash, empty if it is not Felix's, and its free comment."""
    hashed = _HASH_COMMENT.match(comment)
    return (hashed[1], comment[hashed.end() :]) if hashed else ("", comment)


def read_rule(comment: str, expressions: str) -> Rule:
    """Read a rule's free comment, as it stands in JSON, and its list of expressions. Raises MalformedRuleError."""
    try:
        return rule_of(json.loads(f'"{comment}"'), json.loads(expressions))
    except (ValueError, RecursionError) as error:
        raise MalformedRuleError(f"no rule of nft: {expressions!r}") from error


def rule_of(comment: str, expressions: Iterable[Expression]) -> Rule:
    """Read a rule's free comment and its expressions in the words of nft's JSON. Raises MalformedRuleError."""
    try:
        rule = _Reader().read(expressions)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise MalformedRuleError(f"no rule of nft: {error}") from error
    return replace(rule, comments=_comments(comment, rule))


class _Reader:
    """Gathers what the expressions of one rule say."""

    def __init__(self) -> None:
        self._rule = Rule()
        self._counted = False
        self._limited = False  # by what comes after the counter: it counts more than the action is done to

    def read(self, expressions: Iterable[Expression]) -> Rule:
        for expression in expressions:
            (kind, value), *_ = expression.items()
            if kind == "counter":
                self._counted = True
            elif kind == "match":
                self._match(value)
            elif kind in _VERDICTS or kind in _JUMPS or kind in {"log", "mangle"}:
                self._act(kind, value)
            elif kind in {"continue", "vmap"}:
                pass
            else:  # such as `limit` and `ct count`
                self._limited |= self._counted
        return self._rule

    def _match(self, match: Expression) -> None:
        """A comparison with one mark, or with some states of a connection; any other says nothing that is asked for."""
        left, right, operator = match["left"], match["right"], match["op"]
        self._limited |= self._counted
        if (mask := _mark_mask(left)) and operator in {"==", "!="} and isinstance(right, int):
            self._rule = replace(self._rule, mark=Mark(right, mask), mark_inverted=operator == "!=")
        elif left == {"ct": {"key": "state"}} and operator in {"==", "in"} and isinstance(right, str | list):
            states = [right] if isinstance(right, str) else right
            self._rule = replace(self._rule, ctstates=frozenset(state.upper() for state in states))

    def _act(self, kind: str, value: Any) -> None:
        if not self._counted:
            raise MalformedRuleError(f"{kind} without a counter")
        if self._limited:
            return
        if kind == "log":
            nflog = bool(value) and "group" in value
            prefix = str(value["prefix"]) if nflog else None
            self._rule = replace(self._rule, target="NFLOG" if nflog else "LOG", nflog_prefix=prefix)
        elif kind == "mangle":
            set_mark = _set_mark(value["value"]) if value["key"] == {"meta": {"key": "mark"}} else None
            self._rule = replace(self._rule, target="MARK", set_mark=set_mark)
        else:
            target = _VERDICTS.get(kind) or bare_name(value["target"])
            self._rule = replace(self._rule, target=target)


def _comments(text: str, rule: Rule) -> tuple[str, ...]:
    """The free texts that were joined, as far as their ends can be known.

    A text that fills its room was cut, and ends with a sign of that: what is left of it may say what nobody meant.
    """
    if not text:
        return ()
    if len(text.encode()) >= _ROOM:
        return (_end_of_tier(text, rule) if text.startswith("End of tier ") and rule.drops else text + CUT,)
    naming = _NAMING.fullmatch(text)
    return (naming[1], naming[2]) if naming else (text,)


def _end_of_tier(text: str, rule: Rule) -> str:
    """The comment of a long tier's drop, whole again; of a name that was cut, its beginning and a sign of that."""
    tier, whole, _ = text.removeprefix("End of tier ").partition(".")
    tier += "" if whole else CUT
    return f"End of tier {tier}. {(rule.target or '').capitalize()} if no policies passed packet"


def _mark_mask(left: Any) -> int:
    """The bits of the packet mark that a match looks at; 0 if it looks at something else."""
    if left == {"meta": {"key": "mark"}}:
        return _ALL_BITS
    operands = left.get("&") if isinstance(left, dict) else None
    return int(operands[1]) if operands and operands[0] == {"meta": {"key": "mark"}} else 0


def _set_mark(value: Any) -> Mark:
    """What an expression makes of the mark: the bits that come out the same whatever went in."""
    from_zeros, from_ones = _evaluate(value, 0), _evaluate(value, _ALL_BITS)
    mask = ~(from_zeros ^ from_ones) & _ALL_BITS
    return Mark(from_zeros & mask, mask)


def _evaluate(value: Any, mark: int) -> int:
    if isinstance(value, int):
        return value
    if value == {"meta": {"key": "mark"}}:
        return mark
    (operator, (left, right)), *_ = value.items()
    one, other = _evaluate(left, mark), _evaluate(right, mark)
    return int({"&": one & other, "|": one | other, "^": one ^ other}[operator])
