"""The two Prometheus text formats: their content types, headers, and how text is escaped in them.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and OpenMetrics 1.0.
"""

from __future__ import annotations

from enum import Enum


class TextFormat(Enum):
    """Values are the content types."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def header(name: str, kind: str, documentation: str, form: TextFormat) -> str:
    """HELP and TYPE, with name and type as they are given."""
    text = escape(documentation) if form is TextFormat.OPENMETRICS else _escape_controls(documentation)
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def escape(text: str) -> str:
    """The value of a label as it stands between quotes."""
    return _escape_controls(text).replace('"', '\\"')


def _escape_controls(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
