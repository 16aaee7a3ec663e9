"""Texts and the values they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_calico.config import kinds, url_kinds
from otel_calico.config.kinds import Kind


@given(st.integers(0, 10**10).map(lambda milliseconds: milliseconds / 1000))
def test_a_duration_survives_being_written_and_read(seconds: float) -> None:
    duration = kinds.duration(zero=True)
    assert duration.parse(duration.show(seconds)) == seconds


@given(st.lists(st.tuples(st.text(min_size=1).filter(str.strip), st.text()), min_size=1).map(tuple))
def test_attributes_survive_being_written_and_read(pairs: tuple[tuple[str, str], ...]) -> None:
    assert kinds.attributes.parse(kinds.attributes.show(pairs)) == pairs


@pytest.mark.parametrize(
    ("given_text", "seconds"),
    [("5s", 5.0), ("500ms", 0.5), ("1m", 60.0), ("2h", 7200.0), ("5", 5.0), ("0.25", 0.25), (" 1.5 s ", 1.5)],
)
def test_durations_are_written_with_or_without_a_unit(given_text: str, seconds: float) -> None:
    assert kinds.duration().parse(given_text) == seconds


@pytest.mark.parametrize(
    ("kind", "given_text"),
    [
        *((kinds.milliseconds, text) for text in ("0", "1.5", "31536000001")),
        *((kinds.duration(), text) for text in ("", "0", "-1s", "1d", "s", "1 2", "nan", "inf", "1e3", "0x1", "9000h")),
        *((kinds.port, text) for text in ("-1", "65536", "1.0", "tcp://1", "٣")),
        *((kinds.boolean, text) for text in ("2", "ja", "")),
        *((kinds.address, text) for text in ("256.1.1.1", "a b", "http://x", "")),
        *(
            (url_kinds.url, text)
            for text in ("ftp://x", "http://", "http://a:b", "http://a:70000", "http://a b", "x:1")
        ),
        *((url_kinds.url_or_host_port, text) for text in ("host", "host:", "unix:///run/x", "u:p@host:1")),
        *((url_kinds.endpoints, text) for text in (",", "http://a,b")),
        *((kinds.attributes, text) for text in ("a", "=b", "a=b,c")),
        *((kinds.number, text) for text in ("-1", "nan", "")),
        *((kinds.milliseconds, text) for text in ("0", "-1", "1s", "1.5")),
    ],
)
def test_other_texts_are_refused(kind: Kind[object], given_text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|holds|names) "):
        kind.parse(given_text)
