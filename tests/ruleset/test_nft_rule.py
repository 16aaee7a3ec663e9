"""One rule of nft at a time, into the words that stand for a rule of iptables too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_calico.ruleset.nft_rule import read_rule
from otel_calico.ruleset.rule import MalformedRuleError, Mark, Rule

Expression = dict[str, Any]

MARK: Expression = {"meta": {"key": "mark"}}
COUNTER: Expression = {"counter": {"packets": 0, "bytes": 0}}
DPORT: Expression = {"payload": {"protocol": "udp", "field": "dport"}}


def match(left: Expression, operator: str, right: object) -> Expression:
    return {"match": {"op": operator, "left": left, "right": right}}


def set_mark(value: object) -> Expression:
    return {"mangle": {"key": MARK, "value": value}}


def text(*expressions: Expression) -> str:
    """As it stands in a list of nft."""
    return json.dumps(expressions)


STATE: Expression = {"ct": {"key": "state"}}
NOT_PASSED = match({"&": [MARK, 131072]}, "==", 0)
DROP: Expression = {"drop": None}


@pytest.mark.parametrize(
    ("expressions", "rule"),
    [
        ([COUNTER, {"accept": None}], Rule(target="ACCEPT")),
        ([COUNTER, {"return": None}], Rule(target="RETURN")),
        ([NOT_PASSED, COUNTER, DROP], Rule(target="DROP", mark=Mark(0, 0x20000))),
        ([COUNTER, {"reject": {"type": "icmp", "expr": "port-unreachable"}}], Rule(target="REJECT")),
        ([COUNTER, {"jump": {"target": "filter-cali-pi-gnp/a"}}], Rule(target="cali-pi-gnp/a")),
        ([COUNTER, {"goto": {"target": "filter-cali-tw-cali1"}}], Rule(target="cali-tw-cali1")),
        (
            [match({"&": [MARK, 196608]}, "!=", 0), COUNTER, {"return": None}],
            Rule(target="RETURN", mark=Mark(0, 0x30000), mark_inverted=True),
        ),
        (
            [match(STATE, "in", ["established", "related"]), COUNTER, {"accept": None}],
            Rule(target="ACCEPT", ctstates=frozenset({"ESTABLISHED", "RELATED"})),
        ),
        (
            [match(STATE, "in", "invalid"), COUNTER, DROP],
            Rule(target="DROP", ctstates=frozenset({"INVALID"})),
        ),
        ([COUNTER, set_mark({"|": [MARK, 65536]})], Rule(target="MARK", set_mark=Mark(0x10000, 0x10000))),
        ([COUNTER, set_mark({"&": [MARK, 4294770687]})], Rule(target="MARK", set_mark=Mark(0, 0x30000))),
        (
            [COUNTER, set_mark({"^": [{"&": [MARK, 4294901760]}, 5]})],
            Rule(target="MARK", set_mark=Mark(5, 0xFFFF)),
        ),
        ([COUNTER, set_mark(7)], Rule(target="MARK", set_mark=Mark(7, 0xFFFFFFFF))),
        (
            [NOT_PASSED, COUNTER, {"log": {"prefix": "DPI|default", "group": 1, "snaplen": 80}}],
            Rule(target="NFLOG", mark=Mark(0, 0x20000), nflog_prefix="DPI|default"),
        ),
        ([COUNTER, {"log": {"prefix": "calico-packet: ", "level": "info"}}], Rule(target="LOG")),
        ([COUNTER, {"log": {"prefix": "calico-packet", "level": "info"}}], Rule(target="LOG")),
        ([match(DPORT, "==", 53), COUNTER, DROP], Rule(target="DROP")),
        ([{"continue": None}], Rule()),
        ([{"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@filter-cali-from-wl-dispatch"}}], Rule()),
    ],
)
def test_every_rule_of_felix_is_read(expressions: list[Expression], rule: Rule) -> None:
    assert read_rule("", text(*expressions)) == rule


@pytest.mark.parametrize(
    "limited",
    [
        [{"limit": {"rate": 100, "burst": 200, "per": "second", "inv": True}}, DROP],
        [{"ct count": {"val": 10, "inv": True}}, {"reject": {"type": "tcp reset"}}],
    ],
)
def test_a_counter_before_a_limit_counts_all_packets_so_the_rule_is_none_that_drops(limited: list[Expression]) -> None:
    rule = read_rule("Drop packets over ingress packet rate limit", text(COUNTER, *limited))
    assert rule == Rule(("Drop packets over ingress packet rate limit",))


@pytest.mark.parametrize(
    "expressions",
    [
        text(DROP),
        "[3]",
        "{",
        text(COUNTER, {"jump": None}),
        text(COUNTER, set_mark({"~": [1, 2]})),
    ],
)
def test_what_cannot_be_counted_or_understood_is_no_rule(expressions: str) -> None:
    with pytest.raises(MalformedRuleError):
        read_rule("", expressions)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ()),
        ("Start of tier default", ("Start of tier default",)),
        ("GlobalNetworkPolicy block-9090 ingress", ("GlobalNetworkPolicy block-9090 ingress",)),
        ("team=web Policy default/default.a egress", ("team=web", "Policy default/default.a egress")),
        (
            f"End of tier {'t' * 70}. Drop if no policies passed packet"[:105],
            (f"End of tier {'t' * 70}. Drop if no policies passed packet",),
        ),
        (f"End of tier {'t' * 92}."[:105], (f"End of tier {'t' * 92}. Drop if no policies passed packet",)),
        (f"End of tier {'t' * 99}."[:105], (f"End of tier {'t' * 93}…. Drop if no policies passed packet",)),
        # What fills the room of a comment was cut there: what an annotation says may be all that is left.
        (f"Start of tier {'t' * 99}"[:105], (f"Start of tier {'t' * 91}…",)),
        (
            f"note={'x' * 53} Policy kube-system/knp.default.trusted ingress and more"[:105],
            (f"note={'x' * 53} Policy kube-system/knp.default.trusted ingress…",),
        ),
        (f"k=v Policy {'n' * 85} ingress", ("k=v", f"Policy {'n' * 85} ingress")),
        (f"k=v Policy {'n' * 86} ingress", (f"k=v Policy {'n' * 86} ingress…",)),
        (f"k=v Policy {'é' * 42} ingress", ("k=v", f"Policy {'é' * 42} ingress")),
    ],
)
def test_texts_that_were_joined_are_parted_and_cut_ones_told(written: str, read: tuple[str, ...]) -> None:
    assert read_rule(written, text(COUNTER, DROP)).comments == read


def test_a_comment_is_read_as_json() -> None:
    assert read_rule(json.dumps('a "b" é')[1:-1], text(COUNTER, DROP)).comments == ('a "b" é',)
