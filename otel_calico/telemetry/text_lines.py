"""Headers and labels in the Prometheus text formats, for metrics that are few. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from otel_calico.telemetry.exposition import TextFormat

_TEXT_TYPES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "unknown": ("", "untyped")}
"""What text 0.0.4 adds to a family's name, and calls its type; all other types go by their own name."""


def family_header(name: str, kind: str, documentation: str, unit: str, form: TextFormat) -> str:
    """HELP, TYPE and, in OpenMetrics, UNIT."""
    if form is TextFormat.OPENMETRICS:
        what = f"# UNIT {name} {unit}\n" if unit else ""
        return f"# HELP {name} {_escape(documentation)}\n# TYPE {name} {kind}\n{what}"
    suffix, kind = _TEXT_TYPES.get(kind, ("", kind))
    text = documentation.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name}{suffix} {text}\n# TYPE {name}{suffix} {kind}\n"


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as they stand behind a name."""
    return (
        "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(labels.items())) + "}" if labels else ""
    )


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
