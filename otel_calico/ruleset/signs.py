"""The signs of a table: what tells which of several Felix keeps; from the text of a dump, or from a ruleset."""

from __future__ import annotations

import re
from itertools import chain

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.tables_in_force import TableSigns
from otel_calico.ruleset.ruleset import Ruleset

_ENTRIES = (("-j cali-FORWARD", "\n"), ('{"jump": {"target": "filter-cali-FORWARD"}}', ', {"rule": '))
"""The jump that leads forwarded packets into Calico's chains and what its rule starts with, by form of the dump."""

_PACKETS = re.compile(r'\[(\d+):\d+\]|"packets": (\d+)')
_WORKLOAD_CHAIN = re.compile(rf'(?:{"|".join(WORKLOAD_PREFIXES.values())})([^\s"]+)')
_FELIXS = re.compile("[A-Za-z0-9_-]{16}")
_HASH = re.compile(f"cali:({_FELIXS.pattern})")


def entry(text: str) -> str:
    """The rule that leads forwarded packets into Calico's chains, with its counters; empty if there is none."""
    for jump, start in _ENTRIES:
        if (end := text.find(jump)) >= 0:
            return text[text.rfind(start, 0, end) + 1 : end]
    return ""


def signs_of_text(text: str) -> TableSigns:
    """The signs of the dump of one IP version."""
    counted = _PACKETS.search(entry(text))
    return TableSigns(
        interfaces=frozenset(_WORKLOAD_CHAIN.findall(text)),
        rules=frozenset(_HASH.findall(text)),
        packets=int(counted[1] or counted[2]) if counted else 0,
    )


def signs_of_ruleset(ruleset: Ruleset, packets: int) -> TableSigns:
    """The same of rules that were read without a dump. `packets` entered it."""
    return TableSigns(
        interfaces=frozenset(found[1] for name in ruleset.chains if (found := _WORKLOAD_CHAIN.match(name))),
        rules=frozenset(filter(_FELIXS.fullmatch, chain.from_iterable(one.hashes for one in ruleset.layouts.values()))),
        packets=packets,
    )
