"""Policy series rendered straight from a snapshot into the Prometheus text formats.

Rule of the house: what is rendered of a `SeriesSet` or a `Readings` is kept while the newest snapshot holds that
very object, and dropped with it. A warm page is one `%` formatting for each set whose values moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from itertools import compress, count
from operator import is_not, itemgetter

from otel_calico.metrics import Metric
from otel_calico.prometheus.text_format import TextFormat, escape, header
from otel_calico.series import Labels, Readings, SeriesSet

_TOTAL = "_total"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


class Exposition:
    """Renders the readings of one snapshot after the other. Used by one thread at a time."""

    def __init__(self) -> None:
        self._readings: Sequence[Readings] = ()
        self._templates: dict[SeriesSet, bytes] = {}  # lines with `%d` where the values go
        self._parts: list[bytes] = []  # the text: for each metric its header, then the lines of its sets
        self._places: list[int] = []  # where the lines of each set stand among the parts
        self._headers: list[tuple[int, Metric]] = []

    def render(self, readings: Sequence[Readings], form: TextFormat) -> Sequence[bytes]:
        """The samples of all readings under one `# HELP` and `# TYPE` per metric, without `# EOF`, in parts.

        A metric without series is left out, as Prometheus client libraries do.
        """
        moved = self._moved(readings)
        if moved is None:
            moved = self._arrange(readings)
        for number in moved:
            one = readings[number]
            self._parts[self._places[number]] = self._templates[one.series] % tuple(one.values)
        for place, metric in self._headers:
            self._parts[place] = _header(metric, form)
        self._readings = readings
        return self._parts

    def _moved(self, readings: Sequence[Readings]) -> Sequence[int] | None:
        """Which readings are other objects than before; None if their lines do not stand where they stood."""
        if len(readings) != len(self._readings):
            return None
        moved = list(compress(count(), map(is_not, readings, self._readings)))
        pairs = ((readings[number], self._readings[number]) for number in moved)
        replaced = [(one, former) for one, former in pairs if one.series is not former.series]
        if not all(_takes_place_of(one, former) for one, former in replaced):
            return None
        self._replace({former.series for _, former in replaced}, {one.series for one, _ in replaced})
        return moved

    def _replace(self, former: Set[SeriesSet], now: Set[SeriesSet]) -> None:
        """Follow sets that took the place of others, such as those of a chain that changed."""
        escaped = _Escaped()
        for series in former - now:
            del self._templates[series]
        for series in now - former:
            self._templates[series] = _template(series, escaped)

    def _arrange(self, readings: Sequence[Readings]) -> Sequence[int]:
        """Lay the text out anew, and say which readings are to be rendered. What is gone is forgotten."""
        known, escaped = self._templates, _Escaped()
        rendered = {one: self._parts[place] for one, place in zip(self._readings, self._places, strict=True)}
        self._templates = {one.series: known.get(one.series) or _template(one.series, escaped) for one in readings}
        numbers: dict[Metric, list[int]] = {}
        for number, one in enumerate(readings):
            numbers.setdefault(one.series.metric, []).append(number)
        self._parts, self._headers, self._places = [], [], [0] * len(readings)
        for metric, of_metric in numbers.items():
            if any(readings[number].values for number in of_metric):
                self._headers.append((len(self._parts), metric))
                self._parts.append(b"")
            for number in of_metric:
                self._places[number] = len(self._parts)
                self._parts.append(rendered.get(readings[number], b""))
        return [number for number, one in enumerate(readings) if one not in rendered]


def _takes_place_of(one: Readings, former: Readings) -> bool:
    """True if the lines around it stay where they are: it is of the same metric, and has lines if the former had."""
    return one.series.metric is former.series.metric and bool(one.values) == bool(former.values)


@lru_cache(maxsize=64)
def _header(metric: Metric, form: TextFormat) -> bytes:
    """HELP and TYPE of a metric.

    OpenMetrics wants counter samples to end in `_total`; the names of family `accountant` do not and must not, so
    they are of type `unknown` there (docs/decisions/0002-openmetrics-type-of-accountant-metrics.md).
    """
    name, kind = metric.exposed, "gauge" if metric.gauge else "counter"
    if form is TextFormat.OPENMETRICS and not metric.gauge:
        name, kind = name.removesuffix(_TOTAL), "counter" if name.endswith(_TOTAL) else "unknown"
    return header(name, kind, metric.help, form).encode()


_ValuesOf = Callable[[Labels], tuple[str, ...]]


class _Escaped(dict[str, str]):
    """Label values as they are written, each made once: the series of a node share most of theirs."""

    def __missing__(self, value: str) -> str:
        text = self[value] = escape(value).replace("%", "%%")
        return text


def _template(series: SeriesSet, escaped: _Escaped) -> bytes:
    """One line per series with `%d` where its value goes. The series of a set nearly always have the same labels."""
    lines: list[str] = []
    names: Set[str] | None = None
    line, values_of = _line(series.metric.exposed, ())
    for labels in series.labels:
        if labels.keys() != names:
            names = labels.keys()
            line, values_of = _line(series.metric.exposed, tuple(sorted(names)))
        lines.append(line % tuple(map(escaped.__getitem__, values_of(labels))))
    return "".join(lines).encode(errors="replace")


@lru_cache(maxsize=128)
def _line(metric: str, names: Sequence[str]) -> tuple[str, _ValuesOf]:
    """A line with places for the label values and the value, and what gives the values in order."""
    if not names:
        return f"{metric} %%d\n", _no_values
    places = ",".join(f'{_NOT_IN_NAMES.sub("_", name)}="%s"' for name in names)
    if len(names) == 1:
        return f"{metric}{{{places}}} %%d\n", lambda labels: (labels[names[0]],)
    return f"{metric}{{{places}}} %%d\n", itemgetter(*names)


def _no_values(_: Labels) -> tuple[str, ...]:
    return ()
