"""The audit says what it found, and never that all is well when nobody answered."""

from __future__ import annotations

import pytest

from endurance.audit import report

GOOD = {"name": "click", "version": "8.1", "vulns": []}
BAD = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "click", "skip_reason": "not found"}


def test_no_vulnerability_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([GOOD, {"name": "otel-calico", "skip_reason": "not on PyPI"}]) == 0
    assert "no known vulnerability" in capsys.readouterr().out


def test_a_vulnerability_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([GOOD, BAD]) == 1
    assert "| old | 1.0 | PYSEC-2026-1 | 1.1 |" in capsys.readouterr().out


def test_no_answer_is_no_good_news(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([GOOD, UNKNOWN]) == 2
    assert "could not be asked" in capsys.readouterr().err
