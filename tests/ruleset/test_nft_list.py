"""Whole lists of nft: what is read, what is passed over, what is refused, and that reading on says nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.calico.model import Table
from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.layers import Layer
from otel_calico.ruleset.nft_json import calico_tables
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.rule import Rule
from tests.ruleset.contents import contents, outcome
from tests.ruleset.histories import Chains, Line, counters, histories, tables

RECORDED = (Path(__file__).parent / "recorded" / "native.jsonl").read_text()
Action = dict[str, Any]

NAMES = ["filter-FORWARD", "filter-cali-a", "filter-cali-ab", "filter-cali-tw-cali1", "raw-cali-a", "nat-cali-tw-x"]
ACTIONS: list[tuple[str, Action]] = [
    ("cali:VMprkiDSuPo-swFS;", {"drop": None}),
    ("cali:GrNZkUzcI_GLn7x5; Policy default.a ingress", {"jump": {"target": "filter-cali-a"}}),
    ('cali:GrNZkUzcI_GLn7x5; , {"rule": {"chain": "filter-cali-a"', {"accept": None}),
    ("", {"continue": None}),
    ("", {"log": {"prefix": ', "bytes": 5}}, {"counter": {"packets": 1', "group": 1}}),
]
lines = st.tuples(st.sampled_from(ACTIONS), st.none() | counters).map(
    lambda drawn: (*drawn[0], None if "continue" in drawn[0][1] else drawn[1])
)


def rule(chain: str, handle: int, line: Line) -> Action:
    comment, action, counter = line
    counted = [] if counter is None else [{"counter": {"packets": counter[0], "bytes": counter[1]}}]
    said = {"comment": comment} if comment else {}
    place = {"family": "ip", "table": "calico", "chain": chain, "handle": handle}
    return {"rule": {**place, **said, "expr": [*counted, action]}}


def printed(chains: Chains) -> str:
    """As nft prints it."""
    objects: list[Action] = [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "calico"}}]
    objects += [{"chain": {"family": "ip", "table": "calico", "name": name, "handle": 1}} for name in chains]
    objects += [rule(name, place, line) for name, written in chains.items() for place, line in enumerate(written)]
    return json.dumps({"nftables": objects}) + "\n"


@pytest.mark.slow
def test_a_long_list_in_which_chains_take_turns_is_read_like_one_in_which_they_do_not() -> None:
    names, line = ("filter-cali-a", "filter-cali-b"), ("cali:VMprkiDSuPo-swFS;", {"drop": None}, (5, 300))
    whole = json.loads(printed({name: [line] * 10_000 for name in names}))
    in_order = json.dumps(whole)
    rules = whole["nftables"][-20_000:]
    whole["nftables"][-20_000:] = [one for turn in zip(rules[:10_000], rules[10_000:], strict=True) for one in turn]
    taking_turns = json.dumps(whole)

    said = contents(parse(in_order))
    first = parse(taking_turns)
    assert (contents(first), contents(parse(taking_turns, first))) == (said, said)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(histories(NAMES, lines, printed))
def test_a_history_of_lists_reads_like_each_list_alone(history: Sequence[str]) -> None:
    previous = None
    for text in history:
        found = outcome(text, previous)
        assert found == outcome(text)
        previous = parse(text, previous) if isinstance(found, dict) else previous


@settings(max_examples=150, deadline=None)
@given(tables(NAMES, lines))
def test_every_counter_and_rule_is_where_json_says(chains: Chains) -> None:
    found = outcome(printed(chains))
    if chains and all(counter is None for written in chains.values() for _, _, counter in written):
        assert found == "no_counters"
        return
    ruleset = parse(printed(chains))
    assert {name: chain.counters(range(len(chain.layout))) for name, chain in ruleset.chains.items()} == {
        name.removeprefix("filter-"): _counted(name, written) for name, written in chains.items()
    }


def _counted(chain: str, lines: list[Line]) -> list[tuple[int, int]]:
    """What each rule counted; a rule that Felix wrote and that stands twice has counted what both lines did."""
    counted: dict[str, tuple[int, int]] = {}
    for place, (comment, action, counter) in enumerate(lines):
        felix = comment.startswith("cali:") and chain.startswith(("filter-cali-", "raw-cali-", "mangle-cali-"))
        rule = repr((comment, action, counter is None) if felix else place)
        packets, octets = (
            min(sum(two), 2**64 - 1) for two in zip(counter or (0, 0), counted.get(rule, (0, 0)), strict=True)
        )
        counted[rule] = packets, octets
    return list(counted.values())


def test_a_counter_that_nft_prints_as_a_negative_number_is_what_the_kernel_counted() -> None:
    ruleset = parse(printed({"filter-cali-a": [("", {"drop": None}, (-1, -(2**63)))]}))
    assert ruleset.chains["cali-a"].counters([0]) == [(2**64 - 1, 2**63)]
    assert ruleset.chains["cali-a"].packets([0]) == [2**64 - 1]


def test_what_did_not_change_stays_the_same_object() -> None:
    drop, go_on = ("", {"drop": None}, (1, 1)), ("", {"continue": None}, None)
    chains: Chains = {"filter-cali-a": [drop], "filter-cali-b": [drop, go_on], "raw-cali-c": [drop, drop]}
    before = parse(printed(chains))

    after = parse(printed(chains | {"filter-cali-b": [("", {"drop": None}, (12345, 987654)), go_on]}), before)

    assert after.layouts is before.layouts
    assert after.chains["cali-a"] is before.chains["cali-a"]
    assert after.chains["raw-cali-c"] is before.chains["raw-cali-c"]
    assert after.chains["cali-b"].counters([0, 1]) == [(12345, 987654), (0, 0)]
    assert after.chains["cali-b"].packets([0, 1]) == [12345, 0]


def test_chains_of_raw_and_mangle_are_read_as_their_own_tables_and_those_of_nat_never() -> None:
    jump: Line = ("cali:GrNZkUzcI_GLn7x5;", {"jump": {"target": "raw-cali-b"}}, (2, 3))
    unreadable: Line = ("cali:GrNZkUzcI_GLn7x5;", {"drop": None}, None)
    counted: Line = ("cali:GrNZkUzcI_GLn7x5;", {"drop": None}, (1, 1))
    chains: Chains = {"nat-cali-a": [unreadable], "raw-cali-a": [jump], "filter-cali-a": [counted], "raw-cali-b": []}
    whole = parse(printed(chains))
    assert {name: chain.layout.rules for name, chain in whole.chains.items()} == {
        "nat-cali-a": (),
        "raw-cali-a": (Rule(target="cali-b"),),
        "cali-a": (Rule(target="DROP"),),
    }
    assert (whole.missing_chains(), whole.empty_chains()) == (set(), [])
    layer = Layer(Table.RAW)
    raw = layer.of(whole)
    assert {name: (chain.layout.name, chain.counters([0])) for name, chain in raw.chains.items()} == {
        "cali-a": ("cali-a", [(2, 3)])
    }
    assert (raw.missing_chains(), raw.empty_chains(), raw.rules) == (set(), ["cali-b"], 0)

    moved = parse(printed(chains | {"raw-cali-a": [(*jump[:2], (5, 7))]}), whole)
    assert layer.of(moved).layouts is raw.layouts
    assert layer.of(moved).chains["cali-a"].counters([0]) == [(5, 7)]
    assert Layer(Table.MANGLE).of(moved).chains == {}
    assert whole.malformed == 0


def test_a_rule_that_acts_and_is_not_counted_keeps_its_place_and_is_told() -> None:
    counted: Line = ("", {"accept": None}, (1, 1))
    ruleset = parse(printed({"filter-cali-a": [("", {"drop": None}, None), counted]}))
    assert ruleset.chains["cali-a"].layout.rules == (None, Rule(target="ACCEPT"))
    assert ruleset.malformed == 1


def test_a_list_without_counters_is_refused() -> None:
    text = calico_tables(RECORDED)["ip"]
    stateless = json.loads(text)
    for item in stateless["nftables"]:
        for expression in item.get("rule", {}).get("expr", ()):
            if "counter" in expression:
                expression["counter"] = None
    assert outcome(json.dumps(stateless)) == "no_counters"


def test_a_counter_that_is_no_number_makes_the_list_unbelievable() -> None:
    text = calico_tables(RECORDED)["ip"]
    spoilt = text.replace('"packets": 12', '"packets": null', 1)
    assert [outcome(spoilt), outcome(spoilt, parse(text))] == ["garbage", "garbage"]


@pytest.mark.slow
def test_every_list_that_breaks_off_is_refused() -> None:
    text = calico_tables(RECORDED)["ip"]
    before = parse(text)
    whole = len(text.rstrip())
    for end in range(1, whole):
        assert [outcome(text[:end]), outcome(text[:end], before)] == ["truncated", "truncated"]
    assert contents(parse(text[:whole])) == contents(before)


def test_a_list_is_read_however_it_is_set() -> None:
    table = calico_tables(RECORDED)["ip"]
    decoded = json.loads(table)
    wanted = outcome(table)
    for text in (RECORDED, json.dumps(decoded, indent=2), json.dumps(decoded, separators=(",", ":"))):
        assert calico_tables(text) == {"ip": table}
        assert outcome(calico_tables(text)["ip"]) == wanted
    assert outcome(json.dumps(decoded, indent=2)) == wanted


def test_a_list_whose_keys_were_sorted_says_the_same() -> None:
    table = calico_tables(RECORDED)["ip"]
    as_printed, as_sorted = (
        parse(calico_tables(text)["ip"]) for text in (table, json.dumps(json.loads(table), sort_keys=True))
    )
    assert as_sorted.chains.keys() == as_printed.chains.keys()
    for name, chain in as_printed.chains.items():
        other, everything = as_sorted.chains[name], range(len(chain.layout))
        assert (other.layout.rules, other.layout.hashes) == (chain.layout.rules, chain.layout.hashes)
        assert other.counters(everything) == chain.counters(everything)


def test_both_ip_versions_may_stand_in_one_text() -> None:
    table = calico_tables(RECORDED)["ip"]
    table6 = table.replace('"family": "ip"', '"family": "ip6"')
    assert calico_tables(table + table6) == {"ip": table, "ip6": table6}
    assert calico_tables('{"nftables": [{"metainfo": {}}]}') == {}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]", :ruleexprcountpackbyhnfi019é', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    outcome(f"{{{text}")
    outcome('{"nftables": [' + text + "]}")
    with_one_rule = printed({"filter-cali-a": [("", {"drop": None}, (1, 1))]})
    outcome(with_one_rule.replace('"expr": [', f'"expr": [{text}'))


def test_no_table_is_refused() -> None:
    with pytest.raises(DumpError) as refused:
        parse('{"nftables": [{"metainfo": {"version": "1.0.6"}}]}'.replace("nftables", "other"))
    assert refused.value.kind == "empty"
