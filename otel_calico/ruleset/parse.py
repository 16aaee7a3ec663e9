"""Text of a table to a `Ruleset`, reusing what the previous scan learned.

The text may be `iptables-save -t TABLE -c` or `nft -j list table ip calico`: which, is seen from its first character.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import cast

from otel_calico.calico.model import Table
from otel_calico.ruleset.dump import DumpError, KnownRules, PrintedTable
from otel_calico.ruleset.iptables_save import iptables_table
from otel_calico.ruleset.layers import bare_name
from otel_calico.ruleset.nft_list import calico_table
from otel_calico.ruleset.repeated_rules import each_once
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.ruleset.text_chain import TextChain, TextLayout

_GROWTH = 8  # characters by which the counters of a line may grow between scans before it is read anew


def parse(text: str, previous: Ruleset | None = None, of: Table = Table.FILTER) -> Ruleset:
    """Read a dump, reusing layouts and chains of `previous` where the text still says the same.

    Of what `iptables-save` prints it is the table of this name; a list of `nft` has the chains of all tables.
    A line that is no rule is skipped and counted. Raises DumpError.
    """
    declared = previous.declared if previous else ""
    table: PrintedTable
    table = calico_table(text) if text.startswith("{") else iptables_table(text, of.value, declared)
    known = _text_chains(previous) if previous and previous.table == table.identity else {}
    chains, position = _followed(known, table)
    if previous and len(chains) == len(previous.chains) and table.ends_at(position):
        return replace(previous, chains=chains, declared=table.declared, skipped=0, repeated=0)
    rules = KnownRules(table.form.read_rule)
    scattered: dict[str, list[str]] = {}  # parts of chains whose lines do not stand together
    skipped = 0
    successors = dict(zip(known, list(known.items())[1:], strict=False))
    name = next(reversed(chains), None)
    while not table.ends_at(position):
        successor = successors.get(name) if name else None
        if successor and text.startswith(successor[1].text, position) and successor[0] not in chains:
            name, likely = successor
            chains[name] = likely
            position += len(likely.text)
            continue
        name = table.chain_at(position)
        if name is None:
            position, skipped = table.skip(position), skipped + 1
            continue
        if name in chains:
            end = table.chain_end(position)
            scattered.setdefault(name, [chains[name].text]).append(table.text[position:end])
            position = end
            continue
        former = known.get(name)
        chain = former and _continued(former, table, position)
        end = position + len(chain.text) if chain else -1
        if chain is None or table.chain_at(end) == name:
            end = table.chain_end(position)
            chain = _chain(name, table, table.text[position:end], rules)
        chain.settle()
        position = end
        chains[name] = chain
    for name, parts in scattered.items():  # once for all parts: a hostile list may have thousands
        chains[name] = _chain(name, table, "".join(parts), rules)
    if skipped and not chains:
        raise DumpError("no_counters", "the rules have no counters: save them with `iptables-save -c`")
    layouts = {name: chain.layout for name, chain in chains.items()}
    unread = sum(map(attrgetter("malformed"), layouts.values()))
    repeated = sum(map(attrgetter("repeated"), chains.values()))
    rules_in_all = sum(map(len, layouts.values()))
    return Ruleset(chains, layouts, table.declared, rules_in_all, unread, skipped, repeated, table.identity)


def _followed(known: Mapping[str, TextChain], table: PrintedTable) -> tuple[dict[str, TextChain], int]:
    """The chains from the first on that say what they said and come as they came, and where they end: mostly all.

    A line that was added to one of them at its end is left to be found behind it.
    """
    chains: dict[str, TextChain] = {}
    text, position = table.text, table.rules
    for name, former in known.items():
        chain = former
        if not text.startswith(former.text, position):
            continued = _continued(former, table, position)
            if continued is None:
                break
            chain = continued
            chain.settle()
        chains[name] = chain
        position += len(chain.text)
    return chains, position


def _continued(former: TextChain, table: PrintedTable, start: int) -> TextChain | None:
    """The chain if it says what it said, and the former object if its counters are the same too."""
    text, layout = table.text, former.layout
    form = layout.form
    end = start + len(former.text)
    now = text[start:end]
    if now == former.text:
        return former
    if former.cut:
        # Most counters have as many digits as before, so they stand where they stood.
        counters: Sequence[str] = former.cut(now)
        if layout.text(counters) == now and form.are_numbers(counters):
            return TextChain(layout, now, counters, former.cut)
    # As many lines as the chain had stand in about as much text as it took.
    counters = form.counters_in(text[start : end + _GROWTH * len(layout)], len(layout))
    if len(counters) != len(layout):
        return None
    now = layout.text(counters)
    if not text.startswith(now, start) or not form.are_numbers(counters):
        return None
    return TextChain(layout, now, counters, layout.cutter(counters) if len(now) == len(former.text) else None)


def _chain(name: str, table: PrintedTable, text: str, rules: KnownRules[str]) -> TextChain:
    form = table.form
    name = bare_name(name)
    chain = TextChain(TextLayout(name, text, form, rules), text)
    hashes = chain.layout.hashes
    if len(set(hashes)) == len(hashes):
        return chain
    once, counters = each_once(text, form, chain.counters(range(len(hashes))))
    layout = TextLayout(name, once, form, rules)
    return TextChain(layout, layout.text(counters), repeated=len(hashes) - len(layout))


def _text_chains(ruleset: Ruleset) -> Mapping[str, TextChain]:
    """The chains of a ruleset that was read from text; none of one whose source read them otherwise."""
    if isinstance(next(iter(ruleset.chains.values()), None), TextChain):  # one ruleset has chains of one kind
        return cast("Mapping[str, TextChain]", ruleset.chains)
    return {}
