"""What a parsed ruleset says, as plain data to compare."""

from __future__ import annotations

from otel_calico.ruleset.parse import DumpError, parse
from otel_calico.ruleset.ruleset import MalformedCounterError, Ruleset

Contents = dict[str, object]


def contents(ruleset: Ruleset) -> Contents:
    """Everything a ruleset can be asked. Raises MalformedCounterError."""
    chains = {}
    for name, chain in ruleset.chains.items():
        everything = range(len(chain.layout))
        chains[name] = {
            "rules": chain.layout.rules,
            "hashes": chain.layout.hashes,
            "packets": chain.packets(everything),
            "counters": chain.counters(everything),
            "texts": tuple(chain.layout.texts()),
        }
    return {
        "chains": chains,
        "order": list(ruleset.chains),
        "declared": ruleset.declared.strip().split("\n"),
        "rules": ruleset.rules,
        "malformed": ruleset.malformed,
    }


def outcome(text: str, previous: Ruleset | None = None) -> Contents | str:
    """The contents of a dump, or the kind of the error it raises; any other error is a failure."""
    try:
        return contents(parse(text, previous))
    except DumpError as error:
        return error.kind
    except MalformedCounterError:
        return "malformed_counter"
