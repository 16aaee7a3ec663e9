"""A registry of prometheus_client in either text format, as its own writers put it but for a fraction of their time.

The service's own metrics are the same hundred lines on every page but for their values. So what stands before a value
is kept from page to page. A test holds the text equal to what `prometheus_client` writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.utils import floatToGoString

from otel_calico.telemetry.exposition import TextFormat

_TEXT_TYPES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "unknown": ("", "untyped")}
"""What text 0.0.4 adds to a family's name, and calls its type; all other types go by their own name."""

_LineKey = tuple[str, ...]


class RegistryText:
    """Writes one registry, page after page. Used by one thread at a time.

    For families without exemplars, time stamps and `_created` samples, which OpenTelemetry's reader does not make.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._beginnings: dict[_LineKey, str] = {}

    def render(self, form: TextFormat) -> bytes:
        """HELP, TYPE, UNIT and samples of all families, without `# EOF`."""
        known, self._beginnings = self._beginnings, {}
        lines: list[str] = []
        for family in self._registry.collect():
            lines.append(family_header(family.name, family.type, family.documentation, family.unit, form))
            for sample in family.samples:
                key = (sample.name, *sample.labels, *sample.labels.values())
                beginning = self._beginnings[key] = known.get(key) or sample.name + label_text(sample.labels)
                lines.append(f"{beginning} {floatToGoString(sample.value)}\n")  # type: ignore[no-untyped-call]
        return "".join(lines).encode()


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
