"""From look to look: only rules that come tell of Felix, and a table that cannot be read now is not gone."""

from __future__ import annotations

from otel_calico.calico.model import IPVersion
from otel_calico.calico.tables_in_force import Evidence, TablesInForce
from otel_calico.sources.backends import Backend, Candidate
from otel_calico.sources.in_force import InForceWatch
from tests.felix import Era, render
from tests.felix.example import example_node

ONE, TWO = (render(example_node(Era.E, *pods)).dump() for pods in ((), ("cali1", "cali2", "cali3")))
LEFT_OVER = "".join(line for line in ONE.splitlines(keepends=True) if "-A FORWARD" not in line)
ALL = [backend.value for backend in Backend]


def look(watch: InForceWatch, **texts: str) -> tuple[str, Evidence] | None:
    told = _look(watch, **texts)
    return (told.current, told.evidence) if told else None


def _look(watch: InForceWatch, **texts: str) -> TablesInForce | None:
    candidates = [Candidate(Backend(name), {IPVersion.V4: text}) for name, text in texts.items()]
    return watch.look(candidates, endpoints=["cali1", "cali2", "cali3"])


def test_one_table_in_force_is_nothing_to_tell_of_nor_is_one_that_nothing_enters() -> None:
    watch = InForceWatch(ALL)
    assert look(watch, legacy=ONE) is None
    assert look(watch, legacy=LEFT_OVER, nft=ONE) is None
    assert look(watch, legacy="", nft=ONE) is None


def test_a_table_that_comes_while_another_is_in_force_is_the_current_one() -> None:
    for former, current in (("legacy", "nft"), ("nft", "legacy")):
        watch = InForceWatch(ALL)
        look(watch, **{former: TWO, current: ""})
        # The datastore would say otherwise: it may be behind.
        assert look(watch, **{former: TWO, current: ONE}) == (current, Evidence.WRITTEN)


def test_rules_that_come_tell_the_current_one_and_rules_that_go_do_not() -> None:
    watch = InForceWatch(ALL)
    assert look(watch, legacy=TWO, nft=ONE) == ("legacy", Evidence.ENDPOINTS)
    assert look(watch, legacy=TWO, nft=TWO.replace("cali:", "cali:_")) == ("nft", Evidence.WRITTEN)
    without_pods = "".join(line for line in TWO.splitlines(keepends=True) if "-A cali-tw-" not in line)
    assert look(watch, legacy=without_pods, nft=TWO.replace("cali:", "cali:_")) == ("nft", Evidence.WRITTEN)


def test_a_table_that_cannot_be_read_now_is_still_in_force() -> None:
    watch = InForceWatch(ALL)
    look(watch, legacy=ONE, nft="")
    told = look(watch, legacy=ONE, nft=TWO)
    assert look(watch, nft=TWO) == told == ("nft", Evidence.WRITTEN)
    assert look(watch, legacy="", nft=TWO) is None
