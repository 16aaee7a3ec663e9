"""Tells a real reset from the moment in which a legacy table has no counters.

A legacy iptables write first replaces the whole table with zeroed counters and adds the old values back in a second
system call (`libiptc/libiptc.c`, `TC_COMMIT`). A dump between the two shows nearly all counters at zero. The xtables
lock keeps such dumps away; where it cannot be had, a dump in which most counters fell is not believed at once.
"""

from __future__ import annotations

from otel_calico.ruleset.ruleset import Ruleset


def fell_together(before: Ruleset, now: Ruleset) -> bool:
    """True if most of the counters that were not zero are lower now."""
    counting = fallen = 0
    for name, chain in now.chains.items():
        former = before.chains.get(name)
        if former is None or former.layout is not chain.layout or not chain.layout.rules:
            continue
        rules = range(len(chain.layout))
        for old, new in zip(former.packets(rules), chain.packets(rules), strict=True):
            counting += old > 0
            fallen += new < old
    return fallen * 2 > counting
