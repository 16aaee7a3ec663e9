"""Sequences played through one collector: whatever Felix does between two dumps, the numbers stay true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import pytest

from otel_calico.metrics import POLICY_METRICS, SINCE_START
from otel_calico.snapshot import Snapshot
from tests.numbers.comparison import Comparison
from tests.numbers.dump_reading import Chains
from tests.numbers.endpoint_lines import POLICY_CHAINS, deciding
from tests.numbers.expected import Expected
from tests.numbers.look import DIRECTIONS, Key, Look
from tests.numbers.shown import published
from tests.recordings import SEQUENCES, DumpSequence
from tests.recordings.played import VERSION, endpoints, name_of, naming, play

BROKEN_OFF = {("v3.28.5-nft", 9), ("v3.30.7-nft", 6)}
"""Where `iptables-nft-save` ended within a rule, by the sequence and the place in it."""

NEVER_FALLING = {metric.name for metric in POLICY_METRICS if SINCE_START in metric.help}

Verdict = tuple[str, str, str]
"""Policy, direction and verdict."""

Rule = tuple[str, str]
"""Chain and hash."""

pytestmark = pytest.mark.slow

every_sequence = pytest.mark.parametrize("sequence", SEQUENCES, ids=str)


def good_scans(sequence: DumpSequence) -> Iterator[tuple[Chains, Snapshot]]:
    """The lines of each whole dump, and what one collector shows of it after all that came before."""
    for place, (now, snapshot) in enumerate(play(sequence)):
        if (sequence.name, place) in BROKEN_OFF:
            assert snapshot.failure is not None
            assert snapshot.failure.kind == "truncated"
        else:
            assert snapshot.failure is None
            yield now, snapshot


@every_sequence
def test_every_series_is_there_with_the_number_that_a_naive_count_gives(sequence: DumpSequence) -> None:
    count, comparison = Expected(), Comparison()
    before, previous = None, 0.0
    for now, snapshot in good_scans(sequence):
        look = Look(VERSION, now, before, previous or snapshot.taken)
        count.look([look], endpoints(sequence), naming(sequence, now), snapshot.taken)
        comparison.compare(snapshot, count)
        before, previous = now, snapshot.taken


@every_sequence
def test_no_series_that_counts_since_the_start_ever_falls(sequence: DumpSequence) -> None:
    last: dict[Key, int] = {}
    compared = 0
    for _, snapshot in good_scans(sequence):
        values, _ = published(snapshot.readings)
        shown = {key: value for key, value in values.items() if key[0] in NEVER_FALLING}
        assert {key: (last[key], value) for key, value in shown.items() if value < last.get(key, 0)} == {}
        compared += len(shown.keys() & last.keys())
        last = shown
    assert compared > 100


@every_sequence
def test_what_was_never_reset_is_counted_once(sequence: DumpSequence) -> None:
    looks = []
    for now, snapshot in good_scans(sequence):
        looks.append(decisions(sequence, now))
        told = policy_packets(snapshot)
    counted = {
        key: sum(rules.values()) - sum(packets for rule, packets in looks[0].get(key, {}).items() if rule in rules)
        for key, rules in looks[-1].items()
        if never_reset([look.get(key, {}) for look in looks])
    }
    assert {key: (told[key], packets) for key, packets in counted.items() if told[key] != packets} == {}
    assert sum(counted.values()) > 0


def decisions(sequence: DumpSequence, now: Chains) -> dict[Verdict, dict[Rule, int]]:
    """What each rule counted, by what it decides."""
    found: dict[Verdict, dict[Rule, int]] = {}
    for chain in now:
        if chain.startswith(POLICY_CHAINS) and (name := name_of(sequence, now, chain, "default")):
            for verdict, line in deciding(now, chain):
                key = without_default_tier(name.label), DIRECTIONS[chain[:8]], verdict
                found.setdefault(key, {})[chain, line.hash] = line.packets
    return found


def policy_packets(snapshot: Snapshot) -> dict[Verdict, int]:
    """The series of `calico.policy.packets`."""
    values, _ = published(snapshot.readings)
    found = {}
    for (metric, pairs), value in values.items():
        if metric == "calico.policy.packets":
            labels = dict(pairs)
            name = without_default_tier(labels["calico.policy.name"])
            found[name, labels["calico.direction"], labels["calico.verdict"]] = value
    return found


def without_default_tier(name: str) -> str:
    """A policy's name as its author wrote it; the rules of some dumps do not tell which tier it is in."""
    return re.sub(r"(^|/)default\.", r"\1", name)


def never_reset(looks: Sequence[Mapping[Rule, int]]) -> bool:
    """True if from its first look on no rule fell or went."""
    return all(
        rule in after and after[rule] >= packets
        for before, after in pairwise(looks)
        for rule, packets in before.items()
    )
