"""Policy series rendered straight from a snapshot into the Prometheus text formats.

Rule of the house: what is rendered of a `SeriesSet` or a `Readings` is kept while the newest snapshot holds that
very object, and dropped with it. A warm page is one `%` formatting for each chain whose counters moved.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and OpenMetrics 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from otel_calico.metrics import Metric
from otel_calico.series import Labels, Readings, SeriesSet

_TOTAL = "_total"


class TextFormat(Enum):
    """The two text formats. Values are their content types."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Exposition:
    """Renders the readings of one snapshot after the other. Used by one thread at a time."""

    def __init__(self) -> None:
        self._templates: dict[SeriesSet, bytes] = {}
        self._rendered: dict[Readings, bytes] = {}

    def render(self, readings: Sequence[Readings], form: TextFormat) -> bytes:
        """The samples of all readings under one `# HELP` and `# TYPE` per metric, without `# EOF`.

        A metric without series is left out, as Prometheus client libraries do.
        """
        self._follow(readings)
        samples: dict[Metric, list[bytes]] = {}
        for one in readings:
            if one.series.labels:
                samples.setdefault(one.series.metric, []).append(self._rendered[one])
        return b"".join(part for metric, parts in samples.items() for part in (header(metric, form), *parts))

    def _follow(self, readings: Iterable[Readings]) -> None:
        templates: dict[SeriesSet, bytes] = {}
        rendered: dict[Readings, bytes] = {}
        for one in readings:
            template = self._templates.get(one.series) or _template(one.series)
            templates[one.series] = template
            rendered[one] = self._rendered.get(one) or template % tuple(one.values)
        self._templates, self._rendered = templates, rendered


def header(metric: Metric, form: TextFormat) -> bytes:
    """`# HELP` and `# TYPE` of a metric.

    OpenMetrics wants counter samples to end in `_total`; the names of family `accountant` do not and must not, so
    they are of type `unknown` there (docs/decisions/0002-openmetrics-type-of-accountant-metrics.md).
    """
    kind = "gauge" if metric.gauge else "counter"
    name, text = metric.exposed, metric.help.replace("\\", "\\\\").replace("\n", "\\n")
    if form is TextFormat.OPENMETRICS:
        text = text.replace('"', '\\"')
        if kind == "counter" and name.endswith(_TOTAL):
            name = name.removesuffix(_TOTAL)
        elif kind == "counter":
            kind = "unknown"
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode()


def _template(series: SeriesSet) -> bytes:
    """One line per series with `%d` where its value goes."""
    name = series.metric.exposed
    return "".join(f"{name}{_label_text(labels)} %d\n" for labels in series.labels).encode(errors="replace")


def _label_text(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = sorted((name.replace(".", "_"), value) for name, value in labels.items())
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
