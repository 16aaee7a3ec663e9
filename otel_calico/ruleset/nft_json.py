"""JSON of `nft` in any layout, set as nft itself prints it.

A user's file may have been through `jq`, hold the lists of both IP versions or the whole ruleset, or one object a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from otel_calico.ruleset.dump import DumpError

IPV4, IPV6 = "ip", "ip6"
_RULE_KEYS = ("family", "table", "chain", "handle", "comment", "expr")
_PLACES = {key: place for place, key in enumerate((*_RULE_KEYS[:2], "name", *_RULE_KEYS[2:], "packets", "bytes"))}
_TABLE_OF = {"table": "name", "chain": "table", "map": "table", "rule": "table"}


@dataclass(slots=True)
class CalicoList:
    """One list of table `calico` for an address family, `ip` or `ip6`. `position` is where its first value stands."""

    family: str
    position: int
    _objects: list[str] = field(default_factory=list)
    has_table: bool = False
    _declares: bool = False
    _with_rules: dict[str, None] = field(default_factory=dict)

    def add(self, kind: str, found: dict[str, object]) -> None:
        """Take one of its objects."""
        self.has_table |= kind == "table"
        self._declares |= kind == "chain"
        if kind == "rule":
            self._with_rules[str(found.get("chain"))] = None
        self._objects.append(json.dumps({kind: _whole(kind, found)}, ensure_ascii=False))

    def _chains(self) -> list[str]:
        """Declarations of the chains with rules, where somebody left out all declarations."""
        if self._declares:
            return []
        place = {"family": self.family, "table": "calico"}
        return [json.dumps({"chain": {**place, "name": name, "handle": 0}}) for name in self._with_rules]

    @property
    def text(self) -> str:
        """The list as nft prints it. Rules come last, those of a chain together."""
        objects = sorted(self._chains() + self._objects, key=lambda text: text.startswith('{"rule"'))
        return '{"nftables": [' + ", ".join(['{"metainfo": {}}', *objects]) + "]}\n"


def calico_tables(text: str) -> Mapping[str, str]:
    """The lists of table `calico` by address family, `ip` and `ip6`; of several the last. Raises DumpError."""
    return {one.family: one.text for one in calico_lists(_values(text))}


def calico_lists(values: Iterable[tuple[int, object]]) -> list[CalicoList]:
    """The lists of table `calico` among decoded values, each with its position.

    A list may be one value, or each of its objects. Another one of the same family begins where nft's own heading or
    the table itself comes again.
    """
    lists: list[CalicoList] = []
    current: dict[str, CalicoList] = {}
    for position, item in _objects(values):
        kind, found = next(iter(item.items()), ("", None))
        if kind == "metainfo":
            current = {}
        if not isinstance(found, dict) or found.get(_TABLE_OF.get(kind, "")) != "calico":
            continue
        family = str(found.get("family"))
        if family not in {IPV4, IPV6}:
            continue
        if family not in current or (kind == "table" and current[family].has_table):
            current[family] = CalicoList(family, position)
            lists.append(current[family])
        current[family].add(kind, found)
    return lists


def value_at(text: str, position: int) -> tuple[object, int]:
    """The JSON value that starts here, and where it ends. Raises DumpError."""
    try:
        return _DECODER.raw_decode(text, position)
    except (ValueError, RecursionError) as error:
        raise DumpError("truncated", f"the list of rules is no whole JSON: {error}") from None


def _whole(kind: str, found: dict[str, object]) -> dict[str, object]:
    """A rule with nft's keys in nft's order. One whose expressions are missing is there, and cannot be read."""
    if kind != "rule":
        return found
    whole = {"handle": 0, **found, "expr": found.get("expr")}
    return {key: whole[key] for key in _RULE_KEYS if key in whole}


def _in_order(found: dict[str, object]) -> dict[str, object]:
    """An object with its keys in nft's order, in which they are looked for; `jq -S` sorts them."""
    return dict(sorted(found.items(), key=lambda item: _PLACES.get(item[0], len(_PLACES))))


_DECODER = json.JSONDecoder(object_hook=_in_order)


def _values(text: str) -> Iterator[tuple[int, object]]:
    """All values, between which stands nothing but space. Raises DumpError."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        start = position
        value, position = value_at(text, start)
        yield start, value


def _objects(values: Iterable[tuple[int, object]]) -> Iterator[tuple[int, dict[str, object]]]:
    """Everything listed, whether whole lists stand one after another or one object a line."""
    for position, value in values:
        listed = value.get("nftables", [value]) if isinstance(value, dict) else value
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict):
                yield position, item
