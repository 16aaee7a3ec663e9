"""The service's own metrics that move with every scan and every push."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from otel_calico.scans import Scans
from otel_calico.telemetry.own_metric import OwnMetric, Value, by, one
from otel_calico.telemetry.tally import ExportTally


def scan_metrics(scans: Scans, otlp: Sequence[ExportTally]) -> Sequence[OwnMetric]:
    """The metrics of the scans, which describe the snapshot that the page or the push around them shows."""
    metrics = [
        OwnMetric(
            "scan.last_success.age",
            "Time since the last good scan, or since the start if there was none.",
            lambda: one(scans.seconds_since_good),
            unit="s",
        ),
        OwnMetric(
            "scans",
            "Scans by result: success, left_out (MINIMUM_COUNTER), failure.",
            lambda: _results(scans),
            counter=True,
        ),
        OwnMetric(
            "ruleset.size",
            "Size of the ruleset read, which is ASCII.",
            lambda: by("network.type", scans.take().report.bytes),
            unit="By",
        ),
    ]
    return [*metrics, *_of_pushes(otlp)] if otlp else metrics


def _of_pushes(otlp: Sequence[ExportTally]) -> Sequence[OwnMetric]:
    return [
        OwnMetric("otlp.exports", "Export requests by result.", lambda: _exports(otlp), counter=True),
        OwnMetric(
            "otlp.points",
            "Values of policy series that a collector took.",
            lambda: one(sum(tally.points for tally in otlp)),
            counter=True,
        ),
    ]


def _results(scans: Scans) -> Iterator[Value]:
    scans.take()  # the scan behind this page counts too, whoever asks first
    for (result, reason), count in sorted(scans.results.items()):
        yield count, {"result": result, "reason": reason} if reason else {"result": result}


def _exports(otlp: Sequence[ExportTally]) -> Iterable[Value]:
    successes, failures = (sum(tally.successes for tally in otlp), sum(tally.failures for tally in otlp))
    return by("result", {"success": successes, "failure": failures})
