"""What a parsed ruleset says, as plain data to compare."""

from __future__ import annotations

from collections.abc import Callable

from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Ruleset

Contents = dict[str, object]


def contents(ruleset: Ruleset) -> Contents:
    """Everything a ruleset can be asked."""
    return {
        "chains": _chains(ruleset, ""),
        "order": list(ruleset.chains),
        "declared": ruleset.declared.strip().split("\n"),
        "rules": ruleset.rules,
        "malformed": ruleset.malformed,
    }


def _chains(ruleset: Ruleset, prefix: str) -> Contents:
    chains: Contents = {}
    for name, chain in ruleset.chains.items():
        if not name.startswith(prefix):
            continue
        everything = range(len(chain.layout))
        chains[name] = {
            "rules": chain.layout.rules,
            "hashes": chain.layout.hashes,
            "packets": chain.packets(everything),
            "counters": chain.counters(everything),
            "text": chain.layout.text([""] * len(chain.layout)),
        }
    return chains


def felix_outcome(text: str, previous: Ruleset | None = None) -> Contents | str:
    """As `outcome`, of Felix's chains only: the rest of a table is never looked at."""
    return _or_kind(lambda: _chains(parse(text, previous), "cali-"))


def outcome(text: str, previous: Ruleset | None = None) -> Contents | str:
    """The contents of a dump, or the kind of the error it raises; any other error is a failure."""
    return _or_kind(lambda: contents(parse(text, previous)))


def _or_kind(read: Callable[[], Contents]) -> Contents | str:
    try:
        return read()
    except DumpError as error:
        return error.kind
