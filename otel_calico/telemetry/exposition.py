"""Policy series rendered straight from a snapshot into the Prometheus text formats.

Rule of the house: what is rendered of a `SeriesSet` or a `Readings` is kept while the newest snapshot holds that
very object, and dropped with it. A warm page is one `%` formatting for each chain whose counters moved.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and OpenMetrics 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from otel_calico.metrics import Metric
from otel_calico.series import Labels, Readings, SeriesSet

_TOTAL = "_total"


class TextFormat(Enum):
    """The two text formats. Values are their content types."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(slots=True)
class _Text:
    """The lines of a set: with `%d` where values go, and as rendered of its newest readings."""

    template: bytes
    readings: Readings | None = None
    lines: bytes = b""

    def show(self, readings: Readings) -> bytes:
        if readings is not self.readings:
            self.readings, self.lines = readings, self.template % tuple(readings.values)
        return self.lines


class Exposition:
    """Renders the readings of one snapshot after the other. Used by one thread at a time."""

    def __init__(self) -> None:
        self._texts: dict[SeriesSet, _Text] = {}

    def render(self, readings: Sequence[Readings], form: TextFormat) -> bytes:
        """The samples of all readings under one `# HELP` and `# TYPE` per metric, without `# EOF`.

        A metric without series is left out, as Prometheus client libraries do.
        """
        known, self._texts = self._texts, {}
        pairs = _Pairs()
        samples: dict[Metric, list[bytes]] = {}
        for one in readings:
            series = one.series
            text = self._texts[series] = known.get(series) or _Text(_template(series, pairs))
            if lines := text.show(one):
                samples.setdefault(series.metric, []).append(lines)
        return b"".join(part for metric, parts in samples.items() for part in (header(metric, form), *parts))


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


class _Pairs(dict[tuple[str, str], str]):
    """Labels as text, each made once: the series of a node share most of theirs."""

    def __missing__(self, label: tuple[str, str]) -> str:
        name, value = label
        text = self[label] = f'{name.replace(".", "_")}="{_escape(value)}"'
        return text


def _template(series: SeriesSet, pairs: _Pairs) -> bytes:
    """One line per series with `%d` where its value goes."""
    name = series.metric.exposed
    return "".join([f"{name}{_label_text(labels, pairs)} %d\n" for labels in series.labels]).encode(errors="replace")


def _label_text(labels: Labels, pairs: _Pairs) -> str:
    return "{" + ",".join(map(pairs.__getitem__, sorted(labels.items()))) + "}" if labels else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
