"""What rules counted since the scan before, and whether that can be told after a reset.

Felix's hash of a rule covers its chain, its place and every earlier rule, so the same hash is the same rule. A rule
that was not there before counts in full. One that counts less than before was reset, and counts from zero. What a reset
does to the other rules of a chain differs by backend (docs/design.md, "Resets"): a difference of rules cannot be told
where a rule of the chain fell, nor where its rules do not count from the same scan.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from otel_calico.attribution.planned_series import Difference
from otel_calico.ruleset.ruleset import Chain

NEW = -1
"""Stands for the former counter of a rule that was not there."""

Counters = Sequence[tuple[int, int]]
"""Packets and bytes of each rule."""


def gain(before: int, now: int) -> int:
    """What one rule counted since."""
    return now - before if 0 <= before <= now else now


def gains(before: Counters, now: Counters) -> list[tuple[int, int]]:
    """Packets and bytes that each rule counted since; a rule whose packets or bytes fell was reset."""
    return [
        (packets - packets_before, octets - octets_before)
        if 0 <= packets_before <= packets and octets_before <= octets
        else (packets, octets)
        for (packets_before, octets_before), (packets, octets) in zip(before, now, strict=True)
    ]


def counters_before(chain: Chain, rules: Sequence[int], before: Chain | None) -> Counters:
    """What the rules at these positions of a chain counted when it was as it was `before`; `NEW` if they were not."""
    if before is None:
        return [(NEW, NEW)] * len(rules)
    if before.layout is chain.layout:
        return before.counters(rules)
    hashes, places = chain.layout.hashes, {rule: place for place, rule in enumerate(before.layout.hashes)}
    known = [hashes[rule] for rule in rules if hashes[rule] in places]
    counted = dict(zip(known, before.counters([places[rule] for rule in known]), strict=True))
    return [counted.get(hashes[rule], (NEW, NEW)) for rule in rules]


def any_fell(chain: Chain, before: Chain | None) -> bool:
    """True if some rule of the chain counts fewer packets than before."""
    if before is None:
        return False
    if before.layout is chain.layout:
        return any(map(operator.lt, chain.all_packets, before.all_packets))
    known = dict(zip(before.layout.hashes, before.all_packets, strict=True))
    now = zip(chain.layout.hashes, chain.all_packets, strict=True)
    return any(packets < known.get(rule, 0) for rule, packets in now)


def difference_gains(
    differences: Sequence[Difference], before: Sequence[int], now: Sequence[int], chain_fell: Callable[[], bool]
) -> list[int | None]:
    """What each difference counted since; None where that cannot be told.

    `before` and `now` are the counters of the rules that the differences name. `chain_fell` tells whether any rule of
    the chain fell, also one that no difference names: it is asked only where that matters.
    """
    some_new, all_new = min(before) < 0, max(before) < 0
    deltas = list(map(operator.sub, now, [max(number, 0) for number in before] if some_new else before))
    fell = min(deltas) < 0
    if fell:
        deltas = list(map(gain, before, now))
    found: list[int | None] = []
    for difference in differences:
        if difference.less and (fell or (some_new and not all_new and _is_mixed(difference, before))):
            found.append(None)
            continue
        gained = deltas[difference.whole]
        for rule in difference.less:
            gained -= deltas[rule]
        found.append(gained)
    if any(gained for difference, gained in zip(differences, found, strict=True) if difference.less) and chain_fell():
        return [None if one.less else gained for one, gained in zip(differences, found, strict=True)]
    return found


def _is_mixed(difference: Difference, before: Sequence[int]) -> bool:
    """True if some of its rules are new and some are not: they do not count from the same scan."""
    new = [before[rule] < 0 for rule in difference.rules]
    return any(new) and not all(new)
