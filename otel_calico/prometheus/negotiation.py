"""Content negotiation of `/metrics` (RFC 9110 section 12)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from otel_calico.prometheus.text_format import TextFormat

_OPENMETRICS_VERSIONS = {"", "1.0.0"}
_PLAIN_VERSIONS = {"", "0.0.4"}
_CLIENTS = 16  # whose headers are remembered: a client sends the same ones at every scrape


@lru_cache(maxsize=_CLIENTS)
def choose_format(accept: str) -> TextFormat:
    """OpenMetrics when the client names it and likes it no less than plain text; else, and when in doubt, 0.0.4."""
    openmetrics = plain = 0.0
    for value, parameters in _entries(accept):
        quality, version = _quality(parameters), parameters.get("version", "")
        if value == "application/openmetrics-text" and version in _OPENMETRICS_VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif value in {"text/plain", "text/*", "*/*"} and version in _PLAIN_VERSIONS:
            plain = max(plain, quality)
    return TextFormat.OPENMETRICS if openmetrics > 0 and openmetrics >= plain else TextFormat.PROMETHEUS


@lru_cache(maxsize=_CLIENTS)
def accepts_gzip(accept_encoding: str) -> bool:
    """True if the client takes gzip, by name or by `*`."""
    qualities = {value: _quality(parameters) for value, parameters in _entries(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _entries(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    for entry in header.split(","):
        value, *rest = (part.strip() for part in entry.split(";"))
        pairs = (parameter.partition("=") for parameter in rest)
        yield value.lower(), {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
