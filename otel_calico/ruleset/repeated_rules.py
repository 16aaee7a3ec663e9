"""Rules that stand twice in one chain: printed twice, or written twice by others than Felix.

Felix's hash of a rule covers its chain, its place and every earlier rule, so that it writes none twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.ruleset.dump import Form

_64_BITS = (1 << 64) - 1


def each_once(text: str, form: Form, counters: Sequence[tuple[int, int]]) -> tuple[str, Sequence[str]]:
    """A chain's lines with each of its rules once, and the counter of each: what all its lines counted, added up.

    `counters` are those of the lines, packets and bytes.
    """
    lines: dict[tuple[str, str], str] = {}
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    rules = zip(*form.rule_texts(text), strict=True)
    for rule, line, (packets, octets) in zip(rules, form.lines(text), counters, strict=True):
        lines.setdefault(rule, line)
        before = counted.get(rule, (0, 0))
        counted[rule] = min(before[0] + packets, _64_BITS), min(before[1] + octets, _64_BITS)
    once = "".join(lines.values())
    sums = zip(counted.values(), form.counters_in(once), strict=True)
    return once, [form.counter(*numbers) if counter else counter for numbers, counter in sums]
