"""A registry of prometheus_client in either text format, as its own writers put it but for a fraction of their time.

Most lines are the same on every page but for their values. So what stands before a value is kept from page to page. A
test holds the text equal to what `prometheus_client` writes.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.utils import floatToGoString

from otel_calico.telemetry.text_format import TextFormat, family_header, label_text

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
