"""Every benchmark runs and yields its rows; on a tiny node, so that the numbers mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, compared, markdown, quote, write

TINY = Scale(
    shapes=(Shape(3, 4),),
    scrape_bars=(0.30,),
    memory_bars=(80,),
    rounds=1,
    first_scrapes=1,
    scrapes_before_memory=2,
    pushes_before_memory=1,
    push_interval=0.2,
    pods_that_come_and_go=200,
    churn=Shape(4, 2),
    scrapers=5,
    cluster_policies=20,
    cluster_endpoints=20,
    events=5,
    watched_policies=20,
    policy_changes=60,
    scans_beside_a_writer=30,
    ebpf_pods=3,
    ebpf_policies=10,
)
ROWS = {
    "scrape": 8,
    "families": 1,
    "profile": 6,
    "first": 1,
    "whole": 3,
    "native": 6,
    "generations": 1,
    "push": 2,
    "memory": 2,
    "churn": 3,
    "scrapers": 2,
    "cache": 2,
    "watches": 9,
    "ebpf": 3,
}


@pytest.mark.node
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_measures_all_of_its_rows(name: str) -> None:
    rows = BENCHMARKS[name](TINY)
    assert len(rows) == ROWS[name]
    assert all(row.measured and (row.bar or row.against) for row in rows)


def test_a_time_is_held_against_a_multiple_of_another() -> None:
    row = compared("scrape", [0.004, 0.001, 0.002], "save", [0.01, 0.02, 0.03], 0.25)
    assert row.line == "| scrape | 2.0 ms (1.0 to 4.0) | save 20.0 ms (10.0 to 30.0) | 0.10 | ≤ 0.25 times | yes |"
    assert not compared("scrape", [0.006], "save", [0.02], 0.25).holds


def test_the_table_in_a_document_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("before\n<!-- benchmark -->\nold\n<!-- benchmark -->\nafter\n")
    table = markdown([Row("memory", "70 MB", "≤ 80 MB", holds=True)])
    write(document, table)
    assert document.read_text() == f"before\n<!-- benchmark -->\n{table}\n<!-- benchmark -->\nafter\n"
    document.write_text("no place\n")
    with pytest.raises(ValueError, match="needs <!-- benchmark --> twice"):
        write(document, table)


def test_a_document_that_quotes_rows_gets_them_anew(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text("| What | Measured |\n|---|---|\n| memory | 90 MB |\n| speed | 1 ms |\n\nmemory | is text\n")
    quote(document, "| memory | 70 MB |\n| other | 1 |")
    assert (
        document.read_text()
        == "| What | Measured |\n|---|---|\n| memory | 70 MB |\n| speed | 1 ms |\n\nmemory | is text\n"
    )


def test_the_readme_quotes_nothing_that_was_not_measured() -> None:
    root = Path(__file__).parent.parent
    costs = (root / "README.md").read_text().split("costs -->")[1]
    measured = (root / "docs" / "performance.md").read_text().splitlines()
    rows = [line for line in costs.splitlines() if line.startswith("| ")]
    assert len(rows) > 5
    assert [row for row in rows if row not in measured] == []
