"""The renderer against recorded dumps: a pod that got 12 UDP packets, 7 to port 8080 (allowed), 3 to 9090
(denied by a policy) and 2 to 5353 (no match).

`recorded/` holds one file per era, in order of reading and without the lines that say nothing new.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.felix import Era, Node, render
from tests.felix.example import example_node

RECORDED = Path(__file__).parent / "recorded"


def recorded_rules(era: Era) -> dict[str, list[str]]:
    """The recorded rule lines of an era by chain, counters left out."""
    chains: dict[str, list[str]] = {}
    for line in (RECORDED / f"{era.name.lower()}.txt").read_text().splitlines():
        rule = line.partition("] ")[2]
        chains.setdefault(rule.split(" ")[1], []).append(rule)
    return chains


def rendered_rules(node: Node) -> dict[str, list[str]]:
    chains: dict[str, list[str]] = {}
    for line in render(node).dump().splitlines():
        if line.startswith("["):
            rule = line.partition("] ")[2]
            chains.setdefault(rule.split(" ")[1], []).append(rule)
    return chains


def test_era_a2_is_rendered_line_for_line_as_recorded() -> None:
    rendered = rendered_rules(example_node(Era.A2))
    recorded = recorded_rules(Era.A2)
    assert {name: rendered[name] for name in recorded} == recorded


@pytest.mark.parametrize("era", [Era.C, Era.D, Era.E])
def test_later_eras_are_rendered_with_every_recorded_line_in_its_order(era: Era) -> None:
    rendered = rendered_rules(example_node(era))
    recorded = recorded_rules(era)
    kept = {name: [rule for rule in rendered[name] if rule in recorded[name]] for name in recorded}
    assert kept == recorded


def test_the_hook_rule_has_the_hash_of_felixs_own_tests() -> None:
    rule = '-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD'
    assert rule in rendered_rules(Node(Era.A2))["FORWARD"]
