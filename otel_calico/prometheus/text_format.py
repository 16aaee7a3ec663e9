"""The two Prometheus text formats, as far as all who write them share it: content types, headers, labels. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and OpenMetrics 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

_TEXT_TYPES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "unknown": ("", "untyped")}
"""What text 0.0.4 adds to a family's name, and calls its type; all other types go by their own name."""


class TextFormat(Enum):
    """Values are the content types."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def family_header(name: str, kind: str, documentation: str, unit: str, form: TextFormat) -> str:
    """HELP, TYPE and, in OpenMetrics, UNIT of a family, given by OpenMetrics' name and type of it."""
    if form is TextFormat.OPENMETRICS:
        what = f"# UNIT {name} {unit}\n" if unit else ""
        return f"{header(name, kind, documentation, form)}{what}"
    suffix, kind = _TEXT_TYPES.get(kind, ("", kind))
    return header(f"{name}{suffix}", kind, documentation, form)


def header(name: str, kind: str, documentation: str, form: TextFormat) -> str:
    """HELP and TYPE, with name and type as they are given."""
    text = escape(documentation) if form is TextFormat.OPENMETRICS else _escape_controls(documentation)
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as they stand behind a name."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in sorted(labels.items())) + "}"


def escape(text: str) -> str:
    """The value of a label as it stands between quotes."""
    return _escape_controls(text).replace('"', '\\"')


def _escape_controls(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
