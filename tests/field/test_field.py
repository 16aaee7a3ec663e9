"""Each case of README.md, with the whole answer: what the commands print, and the page of the service."""

from __future__ import annotations

import pytest

from tests.field.answers import TRANSCRIPTS, answer, kept_answer
from tests.field.cases import CASES, Case

_SLOW = {"stale-tier-comment", "empty-group-chain"}
"""Whole nodes: the others are a handful of rules."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.slow] if case.name in _SLOW else []) for case in CASES],
    ids=lambda case: case.name,
)
def test_what_was_once_read_wrong_is_told_right(case: Case) -> None:
    assert answer(case) == kept_answer(case)


def test_every_transcript_belongs_to_a_case() -> None:
    assert {path.stem for path in TRANSCRIPTS.iterdir()} == {case.name for case in CASES}
