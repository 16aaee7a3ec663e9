"""Of several tables in force the one that Felix keeps is told by the best evidence there is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from otel_calico.calico.tables_in_force import Evidence, TableSigns, TablesInForce, tell

OLD, NEW, LATE = "cali-old", "cali-new", "cali-late"


def signs(*interfaces: str, rules: int = 1, packets: int = 0) -> TableSigns:
    return TableSigns(frozenset(interfaces), frozenset(map(str, range(rules))), packets)


def told(
    legacy: TableSigns,
    nft: TableSigns,
    *,
    endpoints: Sequence[str] = (),
    settings: Sequence[str] = ("legacy", "nft", "nftables"),
    written: str = "",
    before: TablesInForce | None = None,
) -> tuple[str, Evidence]:
    tables = {"legacy": legacy, "nft": nft}
    found = tell(tables, endpoints=frozenset(endpoints), settings=settings, written=written, before=before)
    assert {found.current, *found.former} == {"legacy", "nft"}
    return found.current, found.evidence


def test_the_one_that_got_rules_last_whatever_a_datastore_says_that_may_be_out_of_sync() -> None:
    assert told(signs(OLD), signs(NEW), endpoints=[OLD], written="nft") == ("nft", Evidence.WRITTEN)
    assert told(signs(OLD), signs(NEW), endpoints=[NEW], written="legacy") == ("legacy", Evidence.WRITTEN)


@pytest.mark.parametrize(
    ("legacy", "nft", "current"),
    [
        ((OLD,), (OLD, NEW), "nft"),
        ((OLD, NEW), (OLD,), "legacy"),
        ((OLD, "cali-gone"), (OLD,), "nft"),
        ((OLD, "cali-gone"), (OLD, NEW), "nft"),
        ((OLD, "cali-gone", "cali-gone-too"), (OLD, "cali-gone-too", LATE), "nft"),
    ],
)
def test_the_one_with_chains_for_the_endpoints_there_are_and_none_for_those_that_are_gone(
    legacy: Sequence[str], nft: Sequence[str], current: str
) -> None:
    # Felix has not come to LATE: no table is wrong about it.
    found = told(signs(*legacy), signs(*nft), endpoints=[OLD, NEW, LATE], settings=["legacy"])
    assert found == (current, Evidence.ENDPOINTS)


def test_a_datastore_that_knows_none_of_the_interfaces_tells_nothing() -> None:
    for endpoints in ([], ["cali-of-another-node"]):
        assert told(signs(OLD, NEW), signs(OLD), endpoints=endpoints)[1] is Evidence.NONE


def test_the_younger_one_which_fewer_packets_entered() -> None:
    found = told(signs(OLD, packets=51), signs(OLD, packets=28), endpoints=[OLD], settings=["legacy"])
    assert found == ("nft", Evidence.YOUNGER)


def test_what_was_told_stays_until_something_better_tells() -> None:
    before = TablesInForce("nft", ("legacy",), Evidence.YOUNGER)
    assert told(signs(OLD, packets=7), signs(OLD, packets=9), before=before) == ("nft", Evidence.YOUNGER)
    assert told(signs(NEW), signs(OLD), endpoints=[NEW], before=before) == ("legacy", Evidence.ENDPOINTS)
    assert told(signs(OLD), signs(OLD), written="legacy", before=before) == ("legacy", Evidence.WRITTEN)


def test_felixs_settings_where_nothing_else_tells() -> None:
    assert told(signs(OLD, rules=9), signs(OLD), settings=["nft", "nftables"]) == ("nft", Evidence.SETTING)


def test_native_nftables_or_the_larger_where_nothing_tells_and_that_is_said() -> None:
    assert told(signs(OLD), signs(OLD, rules=9)) == ("nft", Evidence.NONE)
    tables = {"legacy": signs(OLD, rules=9), "nftables": signs(OLD), "nft": signs(OLD)}
    found = tell(tables, endpoints=frozenset(), settings=list(tables))
    assert str(found) == (
        "packets must pass 3 tables of Calico's, those of nftables and legacy and nft; nothing tells which one Felix "
        "keeps now, and that of nftables is shown"
    )


def test_what_is_told_can_be_read() -> None:
    assert str(TablesInForce("nft", ("legacy",), Evidence.WRITTEN)) == (
        "packets must pass 2 tables of Calico's, those of nft and legacy; Felix keeps that of nft now (Felix wrote to "
        "it last), and left legacy in force when it changed its backend, with the policies of that time"
    )
