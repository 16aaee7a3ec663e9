"""What our Felix renders for the resources of a recording, against what the real one of that release wrote.

Not rendered: table nat, and of mangle what is in `NOT_RENDERED`, none of which decides about a packet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from otel_calico.calico.model import IPVersion
from tests.felix import Era, Node, Profile, allow, deny, render
from tests.felix.description import TABLES
from tests.felix.nftables import render_nftables
from tests.felix.resources import Resources
from tests.felix.rule import Chain
from tests.recordings import NATIVE, RECORDINGS, Moment, Recording

_MANGLE = ("INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "cali-POSTROUTING", "cali-egress-dscp")
NOT_RENDERED = {f"mangle-{name}" for name in _MANGLE}
"""The first three are empty, the others set marks and DSCP."""

ERAS = {
    "v3.21": Era.A1,
    "v3.23": Era.A2,
    "v3.26": Era.A3,
    "v3.27": Era.A3,
    "v3.28": Era.B,
    "v3.29": Era.C,
    "v3.30": Era.D,
    "v3.31": Era.D,
    "v3.32": Era.E,
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "reject": {"deny_action": "REJECT"},
    "logdrop": {},  # `DropActionOverride` changes nothing
    "flowlogs": {"flow_logs": True},
    "marks": {"mark_mask": 0xFF000000},
}
STRICT = Profile("strict", (deny("udp", 7000), allow()), (allow(),))  # is not among the resources


def node_of(recording: Recording) -> Node:
    era = ERAS[recording.release.rpartition(".")[0]]
    resources = Resources(yaml.safe_load_all(recording.resources), era)
    return resources.node({"strict": STRICT}, **SETTINGS[recording.flavour])


def comparable(chains: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The chains that are rendered. Chains are named as in native nftables, with their table in front."""
    return {name: rules for name, rules in chains.items() if not name.startswith("nat-") and name not in NOT_RENDERED}


def saved(dump: str) -> dict[str, list[str]]:
    """The rules that `iptables-save -c` printed by chain, without counters."""
    chains: dict[str, list[str]] = {}
    table = ""
    for line in dump.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chains[f"{table}-{line[1:].split(' ')[0]}"] = []
        elif line.startswith("["):
            rule = line.partition("] ")[2]
            chains[f"{table}-{rule.split(' ')[1]}"].append(rule)
    return comparable(chains)


def with_annotations_as(recorded: list[str], chain: Chain) -> Chain:
    """Annotations of a rule are in the random order of a Go map, which we take from the recording."""
    rules = []
    for rule, line in zip(chain.rules, [*recorded, *[""] * len(chain.rules)], strict=False):
        annotations = iter(sorted((text for text in rule.comments if "=" in text), key=line.find))
        comments = tuple(next(annotations) if "=" in text else text for text in rule.comments)
        rules.append(replace(rule, comments=comments))
    return replace(chain, rules=tuple(rules))


@pytest.mark.parametrize("ip_version", IPVersion)
@pytest.mark.parametrize("recording", [each for each in RECORDINGS if each.dataplane != NATIVE], ids=str)
def test_every_chain_is_rendered_line_for_line_as_recorded(recording: Recording, ip_version: IPVersion) -> None:
    node, recorded = node_of(recording), saved(recording.dump(Moment.BEFORE, ip_version))
    tables = TABLES
    if recording.flavour == "reject":  # this Felix could not write REJECT into the others
        assert not any(rules for name, rules in recorded.items() if not name.startswith("filter-"))
        tables = ("filter",)
    for table in tables:
        ruleset = render(node, ip_version, table)
        chains = {
            name: with_annotations_as(recorded.get(f"{table}-{name}", []), chain)
            for name, chain in ruleset.chains.items()
        }
        rendered = saved(replace(ruleset, chains=chains).dump())
        assert rendered == {name: rules for name, rules in recorded.items() if name.startswith(f"{table}-")}


@pytest.mark.parametrize("ip_version", IPVersion)
@pytest.mark.parametrize("recording", [each for each in RECORDINGS if each.dataplane == NATIVE], ids=str)
def test_every_native_chain_is_rendered_rule_for_rule_as_recorded(recording: Recording, ip_version: IPVersion) -> None:
    """Comments are compared, which tell the rest: the hash in them is made of the rule's text and of all before it."""
    chains: dict[str, list[str]] = {}
    maps: dict[str, dict[str, str]] = {}
    for item in json.loads(recording.dump(Moment.BEFORE, ip_version))["nftables"]:
        if "chain" in item:
            chains[item["chain"]["name"]] = []
        elif "rule" in item:
            chains[item["rule"]["chain"]].append(with_annotations_sorted(item["rule"]["comment"]))
        elif "map" in item:
            maps[item["map"]["name"]] = {name: goto["goto"]["target"] for name, goto in item["map"]["elem"]}
    table = render_nftables(node_of(recording), ip_version)
    rendered = {name: [with_annotations_sorted(each.comment) for each in rules] for name, rules in table.chains.items()}
    assert rendered == comparable(chains)
    assert table.maps == maps


def with_annotations_sorted(comment: str) -> str:
    """A comment; its words are sorted where annotations, whose order is random, are among them."""
    return " ".join(sorted(comment.split(" "))) if "=" in comment else comment
