"""The service's own metrics on `/metrics`, as OpenTelemetry's Prometheus reader shows them (docs/decisions/0005).

Names follow OpenTelemetry's mapping to Prometheus: `otel_calico.scan.duration` in `s` becomes
`otel_calico_scan_duration_seconds`, a counter ends in `_total`. A test holds the page equal to the reader's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from opentelemetry.sdk.resources import Resource

from otel_calico.prometheus.process_metrics import ProcessMetrics
from otel_calico.prometheus.text_format import TextFormat, family_header, label_text
from otel_calico.telemetry import step_durations
from otel_calico.telemetry.own_metric import OwnMetric
from otel_calico.telemetry.own_metrics import OwnMetrics
from otel_calico.telemetry.service_state import ServiceState
from otel_calico.telemetry.step_durations import StepDuration, StepDurations

_UNITS = {"": "", "s": "_seconds", "By": "_bytes"}
_BOUNDS = (*map(str, step_durations.BUCKETS), "+Inf")
_DURATION = "otel_calico_scan_duration_seconds"
_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9]+")


class OwnExposition:
    """Renders the own metrics of one page after the other. Used by one thread at a time.

    What shows the state of things is written anew only when that changed.
    """

    def __init__(self, own: OwnMetrics, resource: Resource) -> None:
        self._look = own.state
        self._state = ServiceState()
        self._moving = own.moving()
        self._steady = own.steady(lambda: self._state)
        self._durations = StepDurations()
        own.scans.subscribe(self._durations.record)
        self._process = ProcessMetrics()
        self._target = {_label_name(key): str(value) for key, value in resource.attributes.items()}
        self._kept: dict[TextFormat, str] = {}

    def render(self, form: TextFormat) -> bytes:
        """HELP, TYPE, UNIT and samples, without `# EOF`."""
        state = self._look()
        if state != self._state:
            self._state = state
            self._kept.clear()
        if form not in self._kept:
            self._kept[form] = _target_info(self._target, form) + _text(self._steady, form)
        moving = _text(self._moving, form), _durations_text(self._durations.steps, form), self._process.render(form)
        return "".join([self._kept[form], *moving]).encode()


def _target_info(labels: Mapping[str, str], form: TextFormat) -> str:
    head = family_header("target", "info", "Target metadata", "", form)
    return f"{head}target_info{label_text(labels)} 1.0\n"


def _text(metrics: Iterable[OwnMetric], form: TextFormat) -> str:
    return "".join([_family(metric, form) for metric in metrics])


def _family(metric: OwnMetric, form: TextFormat) -> str:
    """One metric; nothing where it has no values."""
    values = metric.values()
    if not values:
        return ""
    name, kind, suffix = _names(metric)
    lines = [_header(name, kind, metric.help, metric.unit, form)]
    lines += [f"{name}{suffix}{_labels(tuple(labels.items()))} {_number(value)}\n" for value, labels in values]
    return "".join(lines)


def _names(metric: OwnMetric) -> tuple[str, str, str]:
    name = metric.full_name.replace(".", "_") + _UNITS[metric.unit]
    return (name, "counter", "_total") if metric.counter else (name, "gauge", "")


def _durations_text(steps: Mapping[str, StepDuration], form: TextFormat) -> str:
    if not steps:
        return ""
    lines = [_header(_DURATION, "histogram", step_durations.HELP, step_durations.UNIT, form)]
    for step, duration in steps.items():
        up_to = list(accumulate(duration.counts))
        lines.append(_template(step) % (*up_to, up_to[-1], _number(duration.seconds)))
    return "".join(lines)


@lru_cache(maxsize=64)
def _template(step: str) -> str:
    """The lines of one step, with places for its cumulative counts, its count and its sum."""
    buckets = [f'{_DURATION}_bucket{{le="{bound}",step="{step}"}} %d.0\n' for bound in _BOUNDS]
    return "".join([*buckets, f'{_DURATION}_count{{step="{step}"}} %d.0\n', f'{_DURATION}_sum{{step="{step}"}} %s\n'])


@lru_cache(maxsize=256)
def _header(name: str, kind: str, text: str, unit: str, form: TextFormat) -> str:
    return family_header(name, kind, text, _UNITS[unit].removeprefix("_"), form)


@lru_cache(maxsize=256)
def _labels(labels: Sequence[tuple[str, str]]) -> str:
    return label_text({_label_name(name): value for name, value in labels})


def _label_name(key: str) -> str:
    """One bad name would cost the whole page: Prometheus takes it as a whole or not at all."""
    return _NOT_IN_NAMES.sub("_", f"_{key[1:]}" if key[:1].isdigit() else key)


def _number(value: float) -> str:
    return repr(float(value))
