"""What Felix says natively in nftables reads as what it says in iptables: nobody else knows the difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.rule import Rule
from tests.felix import Era, Node, render
from tests.felix.example import example_node, varied_node
from tests.felix.nftables import render_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, list_table, load_table


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """Where nft puts tables that it then lists."""
    with Namespace() as made:
        yield made


@pytest.mark.node
@pytest.mark.parametrize("make", [example_node, varied_node])
@pytest.mark.parametrize("era", [Era.C, Era.D, Era.E], ids=lambda era: era.name)
@pytest.mark.parametrize("ip_version", IPVersion)
def test_every_rule_reads_the_same_from_both(
    namespace: Namespace, make: type[Node], era: Era, ip_version: IPVersion
) -> None:
    node = make(era)
    table = render_nftables(node, ip_version)
    load_table(namespace, table.restore({each: (place, 60 * place) for place, each in enumerate(table.hashes)}))
    native = parse(list_table(namespace, ip_version))
    delete_table(namespace, ip_version)
    iptables = parse(render(node, ip_version).dump())

    assert native.malformed == 0
    assert {name: chain.layout.hashes for name, chain in native.chains.items() if name.startswith("cali-")} == {
        name.removeprefix("filter-"): tuple(rule.hash for rule in rules)
        for name, rules in table.chains.items()
        if name.startswith("filter-cali-") and rules
    }
    chains = {name: chain.layout.rules for name, chain in native.chains.items() if name.startswith("cali-")}
    for name, chain in iptables.chains.items():
        if name.startswith(("cali-tw-", "cali-fw-", "cali-pr", "cali-g")) or name in {"cali-FORWARD", "cali-INPUT"}:
            assert _comparable(chains[name], native=True) == _comparable(chain.layout.rules, native=False)
    assert len([name for name in chains if name.startswith(("cali-pi-", "cali-po-"))]) == len(
        [name for name in iptables.chains if name.startswith(("cali-pi-", "cali-po-"))]
    )
    counted = dict(zip(table.hashes, range(len(table.hashes)), strict=True))
    for name, chain in native.chains.items():
        if name.startswith("cali-"):
            numbers = chain.counters(range(len(chain.layout)))
            wanted = [(counted[each], 60 * counted[each]) for each in chain.layout.hashes]
            assert [number for number in numbers if number != (0, 0)] == [
                each for each, number in zip(wanted, numbers, strict=True) if number != (0, 0)
            ]


def _comparable(rules: tuple[Rule | None, ...], *, native: bool) -> list[object]:
    """Rules without what only one of the two has: rules around packet rate limits, hashed names of policies."""
    kept = [rule for rule in rules if rule is not None and not rule.says("packet rate limit")]
    assert native is False or len(kept) >= len(rules) - 1
    return [
        (rule.comments, "policy" if (rule.target or "").startswith(("cali-pi-", "cali-po-")) else rule.target,
         rule.mark, rule.mark_inverted, rule.set_mark, rule.ctstates, rule.nflog_prefix)
        for rule in kept
    ]  # fmt: skip
