"""Damages of a saved table. Each takes the table, a source of choices and another table; it may find nothing to do.

The choices are Hypothesis's, so that a failing example is made small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from otel_calico.calico.chains import GROUP_PREFIXES, HOST_ENDPOINT_PREFIXES, POLICY_PREFIXES, PROFILE_PREFIXES
from otel_calico.calico.chains import WORKLOAD_PREFIXES as WORKLOADS
from tests.damage.saved_table import Line, SavedTable

Damage = Callable[[SavedTable, Random, SavedTable], SavedTable]

_PREFIXES = (
    *GROUP_PREFIXES.values(),
    *POLICY_PREFIXES.values(),
    *PROFILE_PREFIXES.values(),
    *WORKLOADS.values(),
    *HOST_ENDPOINT_PREFIXES,
    "cali-",
)
_NOWHERE = ("cali-pi-_AAAAAAAAAAAAAAAAAAAA", "cali-pi-nowhere", "cali-gi-AAAAAAAAAAAAAAAAAAAA", "cali-pri-nowhere")
_LONGEST_RUN = 12  # lines
_BIGGEST = (1 << 64) - 1


def emptied_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A chain keeps its declaration and loses its rules: Felix flushes a chain before it deletes it."""
    chain = choose.choice(table.chains)
    return table.with_rules(rule for rule in table.rules if rule.chain != chain)


def missing_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A chain is gone, and the jumps to it are still there."""
    chain = choose.choice(table.chains)
    gone = table.with_rules(rule for rule in table.rules if rule.chain != chain)
    return gone.with_declared(line for line in table.declared if line.chain != chain)


def undeclared_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A chain has rules and no declaration."""
    chain = choose.choice(table.chains)
    return table.with_declared(line for line in table.declared if line.chain != chain)


def declared_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A chain is declared and has no rules yet."""
    like = next((line for line in table.declared if line.chain.startswith("cali-")), None)
    if like is None:
        return table
    name = choose.choice(_PREFIXES) + choose.choice(("_AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA", "new", "*", ""))
    place = choose.randrange(len(table.declared) + 1)
    return table.with_declared((*table.declared[:place], like.of(name), *table.declared[place:]))


def jump_to_nowhere(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A rule jumps to a chain that does not exist."""
    return _with_a_jump(table, choose, choose.choice(_NOWHERE))


def jump_elsewhere(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A rule jumps to another chain than it should, perhaps to its own."""
    return _with_a_jump(table, choose, choose.choice(table.chains))


def lost_lines(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Some neighbouring rules are lost."""
    start, end = _run(table.rules, choose)
    return table.with_rules((*table.rules[:start], *table.rules[end:]))


def doubled_lines(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Some neighbouring rules are there twice, the second time anywhere."""
    start, end = _run(table.rules, choose)
    place = choose.choice((end, choose.randrange(len(table.rules) + 1)))
    return table.with_rules((*table.rules[:place], *table.rules[start:end], *table.rules[place:]))


def moved_lines(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Some neighbouring rules stand elsewhere: chains in another order, and chains whose rules are scattered."""
    start, end = _run(table.rules, choose)
    rest = (*table.rules[:start], *table.rules[end:])
    place = choose.randrange(len(rest) + 1)
    return table.with_rules((*rest[:place], *table.rules[start:end], *rest[place:]))


def lines_of_another_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Some neighbouring rules belong to another chain."""
    chain = choose.choice(table.chains)
    start, end = _run(table.rules, choose)
    return table.with_rules(rule.of(chain) if start <= at < end else rule for at, rule in enumerate(table.rules))


def renamed_chain(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """All rules of a chain belong to another, perhaps of another kind, and no jump follows."""
    chain = choose.choice(table.chains)
    name = choose.choice((*_NOWHERE, *table.chains, "cali-tw-new", "cali-th-*", "cali-fw-", "cali-tw-" + "x" * 30))
    return table.with_rules(rule.of(name) if rule.chain == chain else rule for rule in table.rules)


def rewritten_between(table: SavedTable, choose: Random, other: SavedTable) -> SavedTable:
    """Felix wrote between two lines: what comes before is of one ruleset, what comes after of another."""
    if table.native is not other.native:
        return table
    chains = [rule.chain for rule in other.rules]
    first = choose.randrange(len(table.rules) + 1)
    if first < len(table.rules) and table.rules[first].chain in chains:
        second = chains.index(table.rules[first].chain)
    else:
        second = choose.randrange(len(chains) + 1)
    declared = choose.choice((table.declared, other.declared))
    return table.with_declared(declared).with_rules((*table.rules[:first], *other.rules[second:]))


def counted_on(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Packets passed: the counters of some rules are higher."""
    start, end, more = *_run(table.rules, choose, len(table.rules)), choose.randrange(1000)
    return _recounted(table, start, end, lambda packets, octets: (packets + more, octets + 60 * more))


def counters_zeroed(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """The counters of some rules are zero."""
    start, end = _run(table.rules, choose, len(table.rules))
    return _recounted(table, start, end, lambda *_: (0, 0))


def counters_fell(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """The counters of some rules are lower, perhaps only those of packets."""
    start, end, less, both = *_run(table.rules, choose), choose.randrange(1, 9), choose.random() < 0.5
    return _recounted(table, start, end, lambda packets, octets: (packets // less, octets // less if both else octets))


def counters_of_any_size(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """The counters of some rules are any numbers, also such as no kernel has."""
    start, end = _run(table.rules, choose)
    sizes = (0, 1, 1 << 31, 1 << 53, (1 << 63) - 1, 1 << 63, _BIGGEST, _BIGGEST + 1, 10**25, -1, -(1 << 63))
    packets, octets = choose.choice(sizes), choose.choice(sizes)
    return _recounted(table, start, end, lambda *_: (packets, octets))


def repeated_hash(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A rule has the hash of another, or none that is known."""
    place = choose.randrange(len(table.rules))
    rule_hash = choose.choice(table.rules).hash or "cali:AAAAAAAAAAAAAAAA"
    return _replaced(table, place, table.rules[place].with_hash(rule_hash))


def spoilt_line(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """Some characters of a rule are others."""
    place = choose.randrange(len(table.rules))
    rule = table.rules[place]
    start = choose.randrange(len(rule.text))
    end = min(len(rule.text), start + choose.randrange(20))
    new = choose.choice(("", " ", '"', "\\", "\n", "0x0/0x0", " -j DROP", " ! ", "é\u202e\x00", "{", "]}", "RETURN"))
    return _replaced(table, place, replace(rule, text=rule.text[:start] + new + rule.text[end:]))


def other_words(table: SavedTable, choose: Random, _: SavedTable) -> SavedTable:
    """A word of the rules that the service looks for is another one everywhere."""
    words = (
        ("0x10000", "0x20000"),
        ("0x10000", "0x0"),
        ("Start of tier ", "Start of "),
        ("Start of tier default", "Start of tier security"),
        ("End of tier ", "End "),
        ("Return if policy accepted", "Return"),
        ("if no policies passed packet", "if"),
        ("DROP", "REJECT"),
        ("Policy ", "Profile "),
        ("cali-pi-", "cali-po-"),
        ("cali-tw-", "cali-fw-"),
        (" -A cali-gi-", " -A cali-pi-"),
    )
    former, new = choose.choice(words)
    return table.with_rules(replace(rule, text=rule.text.replace(former, new)) for rule in table.rules)


DAMAGES: Sequence[Damage] = (
    emptied_chain,
    missing_chain,
    undeclared_chain,
    declared_chain,
    jump_to_nowhere,
    jump_elsewhere,
    lost_lines,
    doubled_lines,
    moved_lines,
    lines_of_another_chain,
    renamed_chain,
    rewritten_between,
    counted_on,
    counters_zeroed,
    counters_fell,
    counters_of_any_size,
    repeated_hash,
    spoilt_line,
    other_words,
)


def _run(rules: Sequence[Line], choose: Random, longest: int = _LONGEST_RUN) -> tuple[int, int]:
    """Where some neighbouring rules start and end."""
    start = choose.randrange(len(rules))
    return start, min(len(rules), start + choose.randrange(1, longest + 1))


def _recounted(table: SavedTable, start: int, end: int, change: Callable[[int, int], tuple[int, int]]) -> SavedTable:
    return table.with_rules(
        rule.with_counters(change) if start <= place < end else rule for place, rule in enumerate(table.rules)
    )


def _replaced(table: SavedTable, place: int, rule: Line) -> SavedTable:
    return table.with_rules((*table.rules[:place], rule, *table.rules[place + 1 :]))


def _with_a_jump(table: SavedTable, choose: Random, target: str) -> SavedTable:
    jumps = [place for place, rule in enumerate(table.rules) if rule.targets]
    if not jumps:
        return table
    place = choose.choice(jumps)
    return _replaced(table, place, table.rules[place].with_target(target))
