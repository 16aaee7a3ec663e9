"""Lists of `nft -j list table ip calico` read as the lines that `iptables-save` would print, remembering nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.numbers.dump_reading import Chains, Line

_LAYER = "filter-"
_TARGETS = {"accept": "ACCEPT", "drop": "DROP", "reject": "REJECT", "return": "RETURN"}

_Statement = Mapping[str, Any]


def read_native(text: str) -> Chains:
    """Felix's filter chains by name, those without rules too."""
    chains: dict[str, list[Line]] = {}
    for item in json.loads(text)["nftables"]:
        if name := _chain(item.get("chain", {}).get("name", "")):
            chains[name] = []
        if "rule" in item and (name := _chain(item["rule"]["chain"])):
            chains[name].append(_line(item["rule"]))
    return chains


def _chain(name: str) -> str:
    """Without the layer; empty for a chain of another."""
    return name.removeprefix(_LAYER) if name.startswith(f"{_LAYER}cali-") else ""


def _line(rule: Mapping[str, Any]) -> Line:
    own, _, comment = rule.get("comment", "").partition("; ")
    statements: list[_Statement] = rule["expr"]
    counters = next((one["counter"] for one in statements if "counter" in one), {"packets": 0, "bytes": 0})
    return Line(
        counters["packets"],
        counters["bytes"],
        own.removeprefix("cali:").rstrip(";"),
        (comment,) if comment else (),
        "".join(map(_target, statements)),
        "".join(map(_mark, _matches(statements))),
        "".join(map(_set_mark, statements)),
        "".join(one["log"].get("prefix", "") for one in statements if "group" in (one.get("log") or {})),
        "".join(map(_states, _matches(statements))),
    )


def _matches(statements: list[_Statement]) -> Iterator[_Statement]:
    yield from (one["match"] for one in statements if "match" in one)


def _target(statement: _Statement) -> str:
    (kind,) = statement
    if kind in {"jump", "goto"}:
        return str(statement[kind]["target"]).removeprefix(_LAYER)
    if kind == "log" and "group" not in (statement["log"] or {}):
        return "LOG"
    return _TARGETS.get(kind, "")


def _mark(match: _Statement) -> str:
    """`value/mask` where marks are compared."""
    left, right = match["left"], match["right"]
    if isinstance(left, dict) and "&" in left and left["&"][0] == {"meta": {"key": "mark"}}:
        return f"{right:#x}/{left['&'][1]:#x}"
    return ""


def _set_mark(statement: _Statement) -> str:
    """`mask/mask` where bits are set."""
    value = statement.get("mangle", {}).get("value")
    return f"{value['|'][1]:#x}/{value['|'][1]:#x}" if isinstance(value, dict) and "|" in value else ""


def _states(match: _Statement) -> str:
    left, right = match["left"], match["right"]
    if isinstance(left, dict) and left.get("ct") == {"key": "state"}:
        return (",".join(right) if isinstance(right, list) else str(right)).upper()
    return ""
