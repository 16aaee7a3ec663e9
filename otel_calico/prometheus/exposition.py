"""Policy series rendered straight from a snapshot into the Prometheus text formats.

Rule of the house: what is rendered of a `SeriesSet` or a `Readings` is kept while the newest snapshot holds that
very object, and dropped with it. A warm page is one `%` formatting for each set whose values moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from itertools import compress, count
from operator import is_not

from otel_calico.metrics import Metric
from otel_calico.prometheus.text_format import TextFormat, escape, header
from otel_calico.series import Labels, LabelSets, Readings, SeriesSet

_TOTAL = "_total"
_NONE: Labels = {}
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
        templates = _Templates()
        for series in former - now:
            del self._templates[series]
        for series in now - former:
            self._templates[series] = templates.of(series)

    def _arrange(self, readings: Sequence[Readings]) -> Sequence[int]:
        """Lay the text out anew, and say which readings are to be rendered. What is gone is forgotten."""
        known, templates = self._templates, _Templates()
        rendered = {one: self._parts[place] for one, place in zip(self._readings, self._places, strict=True)}
        self._templates = {one.series: known.get(one.series) or templates.of(one.series) for one in readings}
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


class _Templates:
    """Makes templates: a line for each series of a set, with `%d` where its value goes.

    What is written of labels that sets share is made once: nearly all pods of a node are of a few kinds. Label sets
    are told by identity, while the series sets that are written keep them.
    """

    def __init__(self) -> None:
        self._own: dict[tuple[str, Sequence[str], int], str] = {}
        self._common: dict[int, tuple[Sequence[str], tuple[str, ...]]] = {}

    def of(self, series: SeriesSet) -> bytes:
        """The lines of a set."""
        labels, metric = series.labels, series.metric.exposed
        common, own = (labels.common, labels.own) if isinstance(labels, LabelSets) else (_NONE, labels)
        names, values = self._common.get(id(common)) or self._add_common(common)
        lines = self._own.get((metric, names, id(own))) or self._add_own(metric, names, own)
        return (lines % (values * len(own))).encode(errors="replace")

    def _add_common(self, common: Labels) -> tuple[Sequence[str], tuple[str, ...]]:
        names = tuple(sorted(common))
        found = names, tuple([escape(common[name]).replace("%", "%%") for name in names])
        self._common[id(common)] = found
        return found

    def _add_own(self, metric: str, names: Sequence[str], own: Sequence[Labels]) -> str:
        lines = "".join([_line(metric, names, one) for one in own])
        self._own[metric, names, id(own)] = lines
        return lines


def _line(metric: str, common: Sequence[str], own: Labels) -> str:
    """A line that is formatted twice: with the values of the common labels, then with the value of the series."""
    places = dict.fromkeys(common, "%s") | {name: escape(value).replace("%", "%%%%") for name, value in own.items()}
    labels = ",".join([f'{_exposed(name)}="{places[name]}"' for name in sorted(places)])
    return f"{metric}{{{labels}}} %%d\n" if labels else f"{metric} %%d\n"


@lru_cache(maxsize=128)
def _exposed(name: str) -> str:
    """The name of a label as Prometheus allows it."""
    return _NOT_IN_NAMES.sub("_", name)
