"""Text of `iptables-save -t filter -c` to a `Ruleset`, reusing what the previous scan learned. Pure.

Tables other than `filter` are passed over, so a saved dump of all tables can be read too.
"""

from __future__ import annotations

import re

from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import Chain, Layout, Ruleset

_BLOCK = re.compile(r"\[\d+:\d+\] -A (\S+)(?: [^\n]*)?(?:\n\[\d+:\d+\] -A \1(?: [^\n]*)?(?=\n|$))*")
"""All neighbouring lines of one chain."""

_CHAIN = re.compile(r"\[\d+:\d+\] -A (\S+)")
_GROWTH = 40  # characters by which the counters of one line can grow at the most


class DumpError(ValueError):
    """The text is no whole filter table. `kind` is `empty`, `truncated` or `no_counters`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def parse(text: str, previous: Ruleset | None = None) -> Ruleset:
    """Read a dump, reusing layouts and chains of `previous` where the text still says the same.

    A line that is no rule is skipped and counted. Raises DumpError and MalformedCounterError.
    """
    declared, rules = _filter_table(text)
    known = previous.chains if previous else {}
    follower = dict(zip(known, list(known)[1:], strict=False))
    rule_of: dict[str, Rule | None] = {}
    chains: dict[str, Chain] = {}
    position = skipped = 0
    while position < len(rules):
        start = _CHAIN.match(rules, position)
        if start is None:
            skipped += 1
            position = _end_of_line(rules, position) + 1
            continue
        name = start[1]
        former = known.get(name)
        chain = former and _continued(former, follower.get(name), rules, position)
        if chain is None:
            chain = _read(name, rules, position, rule_of)
        position += len(chain.text) + 1
        chains[name] = _joined(chains[name], chain, rule_of) if name in chains else chain
    if skipped and not chains:
        raise DumpError("no_counters", "the rules have no counters: save them with `iptables-save -c`")
    return Ruleset(chains, declared, rules=sum(len(chain.layout) for chain in chains.values()), skipped=skipped)


def _filter_table(text: str) -> tuple[str, str]:
    """The chain declarations and the rule lines of the table."""
    if not text.strip():
        raise DumpError("empty", "the dump is empty")
    start = 0 if text.startswith("*filter\n") else text.find("\n*filter\n")
    if start < 0:
        raise DumpError("empty", "the dump has no filter table")
    start = text.index("*filter\n", start)
    end = text.find("\nCOMMIT", start)
    if end < 0:
        raise DumpError("truncated", "the dump ends before COMMIT")
    first_rule = text.find("\n[", start, end)
    if first_rule < 0:
        first_rule = text.find("\n-A ", start, end)  # a dump without counters
    if first_rule < 0:
        return text[start:end], ""
    return text[start:first_rule], text[first_rule + 1 : end]


def _continued(former: Chain, follower: str | None, rules: str, start: int) -> Chain | None:
    """The chain if it says what it said, and the former object if its counters are the same too."""
    end = start + len(former.text)
    if rules.startswith(former.text, start) and _ends_chain(rules, end, former.layout.name):
        return former
    end = _expected_end(former, follower, rules, start)
    if end < 0:
        return None
    text = rules[start:end]
    lines = text.split("\n")
    if former.layout.fits(lines) and _ends_chain(rules, end, former.layout.name):
        return Chain(former.layout, text, lines)
    return None


def _expected_end(former: Chain, follower: str | None, rules: str, start: int) -> int:
    """Where the chain ends if the same chain follows as before; negative if that one is not near."""
    if follower is None:
        return len(rules)
    reach = start + len(former.text) + _GROWTH * (len(former.layout) + 1)
    return rules.rfind("\n", start, max(start, rules.find(f"] -A {follower} ", start, reach)))


def _ends_chain(rules: str, end: int, name: str) -> bool:
    """True if the text ends here, or a line of another chain (or of none) follows."""
    if end >= len(rules):
        return True
    following = _CHAIN.match(rules, end + 1)
    return rules[end] == "\n" and (following is None or following[1] != name)


def _read(name: str, rules: str, start: int, rule_of: dict[str, Rule | None]) -> Chain:
    block = _BLOCK.match(rules, start)
    end = block.end() if block else _end_of_line(rules, start)
    text = rules[start:end]
    lines = text.split("\n")
    return Chain(Layout(name, [line[line.index("] -A ") :] for line in lines], rule_of), text, lines)


def _joined(first: Chain, second: Chain, rule_of: dict[str, Rule | None]) -> Chain:
    """Two parts of one chain, parted by an unreadable line."""
    text = f"{first.text}\n{second.text}"
    return _read(first.layout.name, text, 0, rule_of)


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return end if end >= 0 else len(text)

