"""Reading a dump with the help of the one before never says anything else than reading it afresh."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.ruleset.parse import parse
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.ruleset.contents import contents, outcome
from tests.ruleset.histories import Chains, counters, histories

NAMES = ["INPUT", "FORWARD", "cali-a", "cali-ab", "cali-b", "cali-tw-cali1", "KUBE-SVC"]
TAILS = [
    "",
    " -j DROP",
    " -j DROPPED",
    " -j ACCEPT",
    ' -m comment --comment "cali:VMprkiDSuPo-swFS" -j DROP',
    ' -m comment --comment "cali:GrNZkUzcI_GLn7x5"',
    ' -m comment --comment "] -A cali-a -j DROP"',
    ' -m comment --comment "[1:1] -A cali-ab" -j ACCEPT',
]
lines = st.tuples(st.sampled_from(TAILS), counters)


def printed(chains: Chains) -> str:
    head = ["*filter", ":INPUT ACCEPT [0:0]", *(f":{name} - [0:0]" for name in chains)]
    rules = [f"[{packets}:{size}] -A {name}{tail}" for name, rules in chains.items() for tail, (packets, size) in rules]
    return "\n".join([*head, *rules, "COMMIT", ""])


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(histories(NAMES, lines, printed))
def test_a_history_of_dumps_reads_like_each_dump_alone(history: Sequence[str]) -> None:
    previous = None
    for text in history:
        previous = parse(text, previous)
        assert contents(previous) == outcome(text)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Era), st.integers(0, 10**15)), min_size=2, max_size=4))
def test_upgrades_and_traffic_read_like_each_dump_alone(scans: list[tuple[Era, int]]) -> None:
    previous = None
    for era, top in scans:
        ruleset = render(example_node(era, "cali0d7763386da", "cali1", "cali11"))
        text = ruleset.dump({each: (top // place, top) for place, each in enumerate(ruleset.hashes, start=1)})
        previous = parse(text, previous)
        assert contents(previous) == outcome(text)


def test_what_did_not_change_stays_the_same_object() -> None:
    text = printed({"cali-a": [(" -j DROP", (1, 1))], "cali-b": [(" -j DROP", (1, 1))], "INPUT": [("", (3, 3))]})
    before = parse(text)

    after = parse(text.replace("[1:1] -A cali-b", "[1234:65432] -A cali-b"), before)

    assert after.chains["cali-a"] is before.chains["cali-a"]
    assert after.chains["INPUT"] is before.chains["INPUT"]
    assert after.chains["cali-b"] is not before.chains["cali-b"]
    assert after.chains["cali-b"].layout is before.chains["cali-b"].layout
    assert after.chains["cali-b"].counters([0]) == [(1234, 65432)]
