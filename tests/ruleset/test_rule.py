"""Single rules, in every spelling `iptables-save` has."""

from __future__ import annotations

import itertools

import pytest

from otel_calico.ruleset.rule import MalformedRuleError, Mark, Rule, parse_rule

OPTIONS = (
    "-p tcp",
    "-m comment --comment allowed",
    "-m mark --mark 0x10000/0x10000",
    "-m conntrack --ctstate RELATED,ESTABLISHED",
    "-j RETURN",
)


@pytest.mark.parametrize("options", list(itertools.permutations(OPTIONS)))
def test_options_are_read_by_name_in_any_order(options: tuple[str, ...]) -> None:
    assert parse_rule(" ".join(options)) == Rule(
        comments=("allowed",),
        target="RETURN",
        mark=Mark(0x10000, 0x10000),
        ctstates=frozenset({"RELATED", "ESTABLISHED"}),
    )


@pytest.mark.parametrize(
    ("printed", "comment"),
    [
        ("plain", "plain"),
        ('"two words"', "two words"),
        (r'"she said \"no\""', 'she said "no"'),
        (r'"a \\ backslash and \'quotes\'"', "a \\ backslash and 'quotes'"),
        ('"looks like -j DROP"', "looks like -j DROP"),
        (r'"ends in a backslash \\"', "ends in a backslash \\"),
        ('"ünïcödé"', "ünïcödé"),
        ('""', ""),
    ],
)
def test_a_quoted_value_is_what_was_meant(printed: str, comment: str) -> None:
    assert parse_rule(f"-m comment --comment {printed} -j ACCEPT") == Rule(comments=(comment,), target="ACCEPT")


def test_all_free_comments_are_kept_in_order_without_the_hash() -> None:
    rule = parse_rule(
        '-m comment --comment "cali:VpJKk6gYd_2yp3I3" -m comment --comment "owner=team-a" '
        '-m comment --comment "Policy default.a ingress"'
    )
    assert rule == Rule(comments=("owner=team-a", "Policy default.a ingress"))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", Rule()),
        ('-m comment --comment "cali:VpJKk6gYd_2yp3I3"', Rule()),
        ("-i cali1 -g cali-fw-cali1", Rule(target="cali-fw-cali1")),
        ("-m mark ! --mark 0x0/0x30000 -j RETURN", Rule(target="RETURN", mark=Mark(0, 0x30000), mark_inverted=True)),
        ("-j MARK --set-xmark 0x0/0x20000", Rule(target="MARK", set_mark=Mark(0, 0x20000))),
        ("-m mark --mark 0x1 -j DROP", Rule(target="DROP", mark=Mark(1, 0xFFFFFFFF))),
        ("! -p udp ! -s 10.0.0.0/8 -j DROP", Rule(target="DROP")),
        ("-j REJECT --reject-with icmp6-port-unreachable", Rule(target="REJECT")),
        ("-j NFLOG --nflog-prefix DRI --nflog-group 1 --nflog-size 80", Rule(target="NFLOG", nflog_prefix="DRI")),
        ('-j NFLOG --nflog-prefix "DPI|default" --nflog-range 80', Rule(target="NFLOG", nflog_prefix="DPI|default")),
        ("-m newfangled --never-seen 1 --also -j DROP", Rule(target="DROP")),
        ("-m limit --limit 5/sec -j MARK --set-xmark 0x80000/0x80000",
         Rule(target="MARK", set_mark=Mark(0x80000, 0x80000))),
    ],
)  # fmt: skip
def test_every_form_of_rule_is_read(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        '-m comment --comment "never ends',
        "-j",
        "-m mark --mark",
        "-m mark --mark 0xzz/0x1 -j DROP",
        "-j MARK --set-xmark x",
    ],
)
def test_a_rule_cut_short_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRuleError):
        parse_rule(text)


def test_both_deny_actions_drop() -> None:
    assert [Rule(target=target).drops for target in ("DROP", "REJECT", "ACCEPT", "RETURN", None)] == [True, True] + [
        False
    ] * 3
