"""Which format a client gets."""

from __future__ import annotations

import pytest

from otel_calico.prometheus.negotiation import accepts_gzip, choose_format
from otel_calico.prometheus.text_format import TextFormat

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", TextFormat.PROMETHEUS),
        ("*/*", TextFormat.PROMETHEUS),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TextFormat.PROMETHEUS),
        ("image/png", TextFormat.PROMETHEUS),
        ("application/openmetrics-text", TextFormat.OPENMETRICS),
        ('Application/OpenMetrics-Text; Version="1.0.0"', TextFormat.OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0", TextFormat.PROMETHEUS),
        ("application/openmetrics-text;q=0", TextFormat.PROMETHEUS),
        ("application/openmetrics-text;q=oops", TextFormat.PROMETHEUS),
        ("application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.9", TextFormat.PROMETHEUS),
        ("text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.75", TextFormat.OPENMETRICS),
        (PROMETHEUS_3, TextFormat.OPENMETRICS),
    ],
)
def test_openmetrics_goes_to_those_who_ask_for_it_first(accept: str, form: TextFormat) -> None:
    assert choose_format(accept) is form


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*, gzip;q=0", False),
    ],
)
def test_gzip_goes_to_those_who_take_it(header: str, *, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
