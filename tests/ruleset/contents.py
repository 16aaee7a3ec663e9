"""What a parsed ruleset says, as plain data to compare."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict

from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Chain, Ruleset
from otel_calico.ruleset.text_chain import TextChain

Contents = dict[str, object]

_FELIX_HASH = re.compile(r"[A-Za-z0-9_-]{16}")


def contents(ruleset: Ruleset) -> Contents:
    """Everything a ruleset can be asked."""
    return {
        "chains": _chains(ruleset, ""),
        "order": list(ruleset.chains),
        "declared": ruleset.declared.strip().split("\n"),
        "rules": ruleset.rules,
        "malformed": ruleset.malformed,
    }


def told(ruleset: Ruleset) -> Contents:
    """What a ruleset tells however it was read, alike in every process.

    Of chains that are not Calico's that is only how many rules they have.
    """
    return {
        "chains": {name: _told(chain) for name, chain in ruleset.chains.items() if name.startswith("cali-")},
        "lengths": {name: len(chain.layout) for name, chain in ruleset.chains.items()},
        "order": list(ruleset.chains),
        "empty": ruleset.empty_chains(),
        "dataplane": ruleset.dataplane,
        "rules": ruleset.rules,
        "malformed": ruleset.malformed,
    }


def _chains(ruleset: Ruleset, prefix: str) -> Contents:
    chains = {name: chain for name, chain in ruleset.chains.items() if name.startswith(prefix)}
    return {name: _chain(chain) | {"text": _text(chain)} for name, chain in chains.items()}


def _chain(chain: Chain) -> Contents:
    everything = range(len(chain.layout))
    return {
        "rules": chain.layout.rules,
        "hashes": chain.layout.hashes,
        "packets": chain.packets(everything),
        "counters": chain.counters(everything),
    }


def _told(chain: Chain) -> Contents:
    rules = [rule and {**asdict(rule), "ctstates": sorted(rule.ctstates)} for rule in chain.layout.rules]
    hashes = [name if _FELIX_HASH.fullmatch(name) else "of others" for name in chain.layout.hashes]
    return _chain(chain) | {"rules": rules, "hashes": hashes}


def _text(chain: Chain) -> str:
    assert isinstance(chain, TextChain)
    return chain.layout.text([""] * len(chain.layout))


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
