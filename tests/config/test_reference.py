"""The committed reference is the one the table of settings gives."""

from __future__ import annotations

from pathlib import Path

from otel_calico.config import load
from otel_calico.config.reference import page, sample

PROJECT = Path(__file__).parents[2]
AGAIN = "run: python -m otel_calico.config.reference docs/configuration.md config/otel-calico.yaml"


def test_the_reference_page_is_up_to_date() -> None:
    assert (PROJECT / "docs/configuration.md").read_text() == page(), AGAIN


def test_the_sample_file_is_up_to_date() -> None:
    assert (PROJECT / "config/otel-calico.yaml").read_text() == sample(), AGAIN


def test_the_sample_file_changes_nothing_with_all_or_none_of_it_taken_in(tmp_path: Path) -> None:
    environ = {"NODENAME": "n"}
    taken_in = tmp_path / "otel-calico.yaml"
    taken_in.write_text("\n".join(line.removeprefix("#") for line in sample().splitlines()))
    assert "\niptables:\n" in taken_in.read_text()
    assert load(environ, file=taken_in) == load(environ) == load(environ, file=PROJECT / "config/otel-calico.yaml")
