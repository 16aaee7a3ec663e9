"""Whole lists of nft: what is read, what is passed over, what is refused, and that reading on says nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.nft_json import calico_tables
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.rule import Rule
from tests.ruleset.contents import contents, outcome

RECORDED = (Path(__file__).parent / "recorded" / "native.jsonl").read_text()
Action = dict[str, Any]
Line = tuple[str, Action, tuple[int, int] | None]
Chains = dict[str, list[Line]]

NAMES = ["filter-FORWARD", "filter-cali-a", "filter-cali-ab", "filter-cali-tw-cali1", "raw-cali-a", "mangle-cali-tw-x"]
ACTIONS: list[tuple[str, Action]] = [
    ("cali:VMprkiDSuPo-swFS;", {"drop": None}),
    ("cali:GrNZkUzcI_GLn7x5; Policy default.a ingress", {"jump": {"target": "filter-cali-a"}}),
    ('cali:GrNZkUzcI_GLn7x5; , {"rule": {"chain": "filter-cali-a"', {"accept": None}),
    ("", {"continue": None}),
    ("", {"log": {"prefix": ', "bytes": 5}}, {"counter": {"packets": 1', "group": 1}}),
]
counters = st.tuples(
    st.sampled_from([0, 1, 9, 10, 99, 10**6, 10**12, 2**64 - 1]), st.sampled_from([0, 60, 10**9, 10**18, 2**64 - 1])
)
lines: st.SearchStrategy[Line] = st.tuples(st.sampled_from(ACTIONS), st.none() | counters).map(
    lambda drawn: (drawn[0][0], drawn[0][1], None if "continue" in drawn[0][1] else drawn[1])
)
tables: st.SearchStrategy[Chains] = st.dictionaries(
    st.sampled_from(NAMES), st.lists(lines, min_size=1, max_size=4), max_size=5
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


@st.composite
def changed(draw: st.DrawFn, chains: Chains) -> Chains:
    """A table some scans later: most chains as they were but for counters, some not."""
    now = {name: list(written) for name, written in chains.items()}
    for name, written in list(now.items()):
        match draw(st.sampled_from(["same", "same", "count", "count", "grow", "shrink", "gone", "swap"])):
            case "count":
                now[name] = [(text, action, old and draw(counters)) for text, action, old in written]
            case "grow":
                written.insert(draw(st.integers(0, len(written))), draw(lines))
            case "shrink" if len(written) > 1:
                del written[draw(st.integers(0, len(written) - 1))]
            case "swap":
                written.reverse()
            case "gone":
                del now[name]
            case _:
                pass
    order = draw(st.permutations(list(now))) if draw(st.booleans()) else list(now)
    return {name: now[name] for name in order}


@st.composite
def histories(draw: st.DrawFn) -> Sequence[str]:
    """Lists of one node, scan after scan."""
    chains = draw(tables)
    texts = [printed(chains)]
    for _ in range(draw(st.integers(1, 4))):
        chains = draw(changed(chains))
        texts.append(printed(chains))
    return texts


@settings(max_examples=250, deadline=None)
@given(histories())
def test_a_history_of_lists_reads_like_each_list_alone(history: Sequence[str]) -> None:
    previous = None
    for text in history:
        found = outcome(text, previous)
        assert found == outcome(text)
        previous = parse(text, previous) if isinstance(found, dict) else previous


@settings(max_examples=150, deadline=None)
@given(tables)
def test_every_counter_and_rule_is_where_json_says(chains: Chains) -> None:
    found = outcome(printed(chains))
    if chains and all(counter is None for written in chains.values() for _, _, counter in written):
        assert found == "no_counters"
        return
    ruleset = parse(printed(chains))
    assert {name: chain.counters(range(len(written))) for name, chain, written in _both(ruleset.chains, chains)} == {
        name.removeprefix("filter-"): [counter or (0, 0) for _, _, counter in written]
        for name, written in chains.items()
    }


def _both(read: Mapping[str, Any], chains: Chains) -> list[tuple[str, Any, list[Line]]]:
    return [(name.removeprefix("filter-"), read[name.removeprefix("filter-")], chains[name]) for name in chains]


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


def test_chains_of_other_layers_are_never_looked_into() -> None:
    unreadable: Line = ("cali:GrNZkUzcI_GLn7x5;", {"drop": None}, None)
    counted: Line = ("cali:GrNZkUzcI_GLn7x5;", {"drop": None}, (1, 1))
    ruleset = parse(printed({"filter-cali-a": [counted], "raw-cali-a": [unreadable], "mangle-cali-tw-x": [unreadable]}))
    assert {name: chain.layout.rules for name, chain in ruleset.chains.items()} == {
        "cali-a": (Rule(target="DROP"),),
        "raw-cali-a": (),
        "mangle-cali-tw-x": (),
    }
    assert ruleset.malformed == 0


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
    assert outcome(text.replace('"packets": 12', '"packets": null', 1), parse(text)) == "malformed_counter"


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
