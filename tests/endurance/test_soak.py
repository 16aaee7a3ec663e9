"""A soak of some seconds keeps its books; and growth is seen where there is some."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from endurance.soak.course import flat, slope
from endurance.soak.population import Population, Scale
from endurance.soak.run import soak
from endurance.table import markdown, write

TIMED = {"memory (RSS)", "CPU of a scrape"}  # mean nothing in so short a run


@pytest.mark.node
@pytest.mark.slow
def test_totals_are_the_truth_and_nothing_is_left_of_who_went() -> None:
    rows = soak(0.2, Scale(pods=12, replaced=6, policies=4, policies_replaced=2), lambda _: None)
    assert [row.cells for row in rows if not row.holds and row.what not in TIMED] == []
    assert {row.what for row in rows} >= {"run", "open files", "threads", "Prometheus", *TIMED}


def noisy(trend: float) -> list[tuple[float, float]]:
    noise = random.Random(3)
    return [(float(second), 80 + trend * second + noise.uniform(-2, 2)) for second in range(300)]


def test_noise_is_flat_and_a_leak_is_not() -> None:
    assert flat("memory", "MB", noisy(0.0), 0.05, 2.0).holds
    assert not flat("memory", "MB", noisy(0.03), 0.05, 2.0).holds


def test_a_few_wild_samples_do_not_bend_the_slope() -> None:
    course = [(float(second), 2.0 * second) for second in range(100)]
    course[50] = (50.0, 10_000.0)
    assert slope(course) == 2.0


def test_the_population_replaces_itself() -> None:
    population = Population(Scale(pods=6, replaced=3, policies=4, policies_replaced=2))
    before = {pod.pod for pod in population.pods}
    population.advance()
    after = {pod.pod for pod in population.pods}
    assert (len(after), len(before & after)) == (6, 3)
    assert len(population.policies) == 4


def test_a_table_takes_its_place_in_a_document(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("a\n<!-- table of x -->\nold\n<!-- table of x -->\nb\n")
    table = markdown(("A", "B"), [("1|2", "line\nend")])
    write(document, "x", table)
    assert document.read_text() == f"a\n<!-- table of x -->\n{table}\n<!-- table of x -->\nb\n"
    assert table.splitlines()[:3] == ["| A | B |", "| --- | --- |", "| 1\\|2 | line end |"]
    with pytest.raises(ValueError, match="twice"):
        write(document, "y", table)
