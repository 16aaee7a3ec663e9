"""JSON of `nft` in any layout, set as nft itself prints it. Pure.

A user's file may have been through `jq`, hold the lists of both IP versions or the whole ruleset, or one object a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from otel_calico.ruleset.dump import DumpError

IPV4, IPV6 = "ip", "ip6"
_RULE_KEYS = ("family", "table", "chain", "handle", "comment", "expr")
_PLACES = {key: place for place, key in enumerate((*_RULE_KEYS[:2], "name", *_RULE_KEYS[2:], "packets", "bytes"))}
_TABLE_OF = {"table": "name", "chain": "table", "map": "table", "rule": "table"}


def calico_tables(text: str) -> Mapping[str, str]:
    """The lists of table `calico` by address family, `ip` and `ip6`. Raises DumpError."""
    families: dict[str, list[str]] = {}
    for item in _objects(text):
        kind, found = next(iter(item.items()), ("", None))
        if not isinstance(found, dict) or found.get(_TABLE_OF.get(kind, "")) != "calico":
            continue
        family = str(found.get("family"))
        if family in {IPV4, IPV6}:
            families.setdefault(family, []).append(json.dumps({kind: _whole(kind, found)}, ensure_ascii=False))
    return {family: _list(objects) for family, objects in families.items()}


def _list(objects: list[str]) -> str:
    # Rules come last, those of a chain together; a sort keeps what is equal in its order.
    objects.sort(key=lambda text: text.startswith('{"rule"'))
    return '{"nftables": [' + ", ".join(['{"metainfo": {}}', *objects]) + "]}\n"


def _whole(kind: str, found: dict[str, object]) -> dict[str, object]:
    if kind != "rule":
        return found
    whole = {"handle": 0, **found}
    return {key: whole[key] for key in _RULE_KEYS if key in whole}


def _in_order(found: dict[str, object]) -> dict[str, object]:
    """An object with its keys in nft's order, in which they are looked for; `jq -S` sorts them."""
    return dict(sorted(found.items(), key=lambda item: _PLACES.get(item[0], len(_PLACES))))


_DECODER = json.JSONDecoder(object_hook=_in_order)


def _objects(text: str) -> Iterator[dict[str, object]]:
    """Everything listed, whether whole lists stand one after another or one object a line. Raises DumpError."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise DumpError("truncated", f"the list of rules is no whole JSON: {error}") from None
        listed = value.get("nftables", [value]) if isinstance(value, dict) else value
        yield from (item for item in listed if isinstance(item, dict)) if isinstance(listed, list) else ()
