"""The service's own instruments: how its scans, its datastore and its exports do.

Names map to Prometheus as the OpenTelemetry specification has it: `otel_calico.scan.duration` in `s` becomes
`otel_calico_scan_duration_seconds`. All describe the snapshot that the page or the push around them shows.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel_calico import __version__
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.series import Snapshot
from otel_calico.telemetry.scans import Scans
from otel_calico.telemetry.tally import ExportTally

log = structlog.get_logger(__name__)

STEP_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)
"""Upper bounds in seconds; a warm scan takes a few milliseconds of its own, reading a large table half a second."""

_Observe = Callable[[], Iterable[Observation]]


class SelfMetrics:
    """Makes the instruments on one meter; any number of readers may share it."""

    def __init__(
        self, meter: Meter, scans: Scans, datastore: Callable[[], DatastoreStatus], otlp: Sequence[ExportTally]
    ) -> None:
        self._meter = meter
        self._scans = scans
        self._datastore = datastore
        self._otlp = otlp
        self._duration = meter.create_histogram(
            "otel_calico.scan.duration",
            unit="s",
            description="Time one step of a scan took.",
            explicit_bucket_boundaries_advisory=STEP_BUCKETS,
        )
        scans.subscribe(self._record)
        self._make_service()
        self._make_scan()
        self._make_datastore()
        self._make_otlp()

    def watch_web_config(self, in_effect: Callable[[], bool]) -> None:
        """Also tell whether the web configuration file as it is now is in effect."""
        self._gauge(
            "web.config.in_effect",
            "1 if web.config_file and its certificates hold as they are, 0 if they are broken and the former hold.",
            lambda: _one(in_effect()),
        )

    def _record(self, snapshot: Snapshot) -> None:
        for step, seconds in snapshot.report.seconds.items():
            self._duration.record(seconds, {"step": step})

    def _make_service(self) -> None:
        build = {"version": __version__, "python_version": platform.python_version()}
        self._gauge("build.info", "Always 1; its labels say what runs.", lambda: [Observation(1, build)])

    def _make_scan(self) -> None:
        gauge, now = self._gauge, self._scans.take
        gauge("scan.success", "1 if the scan behind this page was good.", lambda: _one(now().failure is None))
        gauge(
            "scan.last_success.age",
            "Time since the last good scan, or since the start if there was none.",
            lambda: _one(self._scans.seconds_since_good),
            unit="s",
        )
        self._counter("scans", "Scans by result: success, left_out (MINIMUM_COUNTER), failure.", self._results)
        gauge(
            "scan.unlocked",
            "1 if legacy tables were read without the xtables lock.",
            lambda: _one(now().report.unlocked),
        )
        gauge("backend.info", "Always 1; where the rules are read: legacy, nft or nftables.", self._backend)
        gauge("dataplane.info", "Always 1; what Felix decides with: iptables, nftables or ebpf.", self._dataplane)
        gauge("ruleset.rules", "Rules read.", lambda: _by("network.type", now().report.rules))
        gauge(
            "ruleset.size",
            "Size of the ruleset read, which is ASCII.",
            lambda: _by("network.type", now().report.bytes),
            unit="By",
        )
        gauge("ruleset.malformed_lines", "Lines that are no rule.", lambda: _one(now().report.malformed_lines))
        gauge(
            "interfaces.without_workload",
            "Interfaces in the ruleset that no workload (family workload: nor host endpoint) of the datastore owns.",
            lambda: _one(len(now().report.interfaces_without_workload)),
        )
        gauge(
            "chains.without_name",
            "Policy chains in the ruleset that neither rules nor datastore name.",
            lambda: _one(len(now().report.chains_without_name)),
        )
        gauge("series", "Policy series on this page, by metric.", self._series)
        gauge("series.left_out", "Policy series that metrics.series_limit left out, by metric.", self._left_out)

    def _make_datastore(self) -> None:
        gauge, counter, each = self._gauge, self._counter, self._each_kind
        gauge("datastore.in_sync", "1 if the kind was listed at least once.", each(lambda kind: kind.in_sync))
        gauge("datastore.connected", "1 if the kind is being watched.", each(lambda kind: kind.connected))
        gauge("datastore.resources", "Resources held.", each(lambda kind: kind.held))
        counter("datastore.errors", "Errors of listing and watching.", each(lambda kind: kind.errors))
        counter(
            "datastore.reconnects",
            "Times a kind was watched again after it was not.",
            each(lambda kind: kind.reconnects),
        )
        counter(
            "datastore.decode_failures",
            "Resources that could not be understood.",
            each(lambda kind: kind.decode_failures),
        )

    def _make_otlp(self) -> None:
        if self._otlp:
            self._counter("otlp.exports", "Export requests by result.", self._exports)
            points = lambda: _one(sum(tally.points for tally in self._otlp))  # noqa: E731 - reads as the others do
            self._counter("otlp.points", "Values of policy series that a collector took.", points)

    def _results(self) -> Iterator[Observation]:
        self._scans.take()  # the scan behind this page counts too, whoever asks first
        for (result, reason), count in sorted(self._scans.results.items()):
            yield Observation(count, {"result": result, "reason": reason} if reason else {"result": result})

    def _backend(self) -> Iterable[Observation]:
        backend = self._scans.take().report.backend
        return [Observation(1, {"backend": backend})] if backend else ()

    def _dataplane(self) -> Iterable[Observation]:
        dataplane = self._scans.take().report.dataplane
        return [Observation(1, {"dataplane": dataplane})] if dataplane else ()

    def _series(self) -> Iterable[Observation]:
        counts: Counter[str] = Counter()
        for readings in self._scans.take().readings:
            counts[readings.series.metric.exposed] += len(readings.series.labels)
        return _by("metric", counts)

    def _left_out(self) -> Iterable[Observation]:
        for metric, count in self._scans.take().report.series_left_out.items():
            yield Observation(count, {"metric": metric.exposed, "family": metric.family})

    def _each_kind(self, pick: Callable[[KindStatus], int]) -> _Observe:
        def observe() -> Iterable[Observation]:
            kinds = self._datastore().kinds
            return _by("kind", {name: int(pick(kind)) for name, kind in kinds.items()})

        return observe

    def _exports(self) -> Iterable[Observation]:
        successes, failures = (sum(t.successes for t in self._otlp), sum(t.failures for t in self._otlp))
        return _by("result", {"success": successes, "failure": failures})

    def _gauge(self, name: str, text: str, observe: _Observe, unit: str = "") -> None:
        self._meter.create_observable_gauge(f"otel_calico.{name}", [_guarded(observe)], unit, text)

    def _counter(self, name: str, text: str, observe: _Observe, unit: str = "") -> None:
        self._meter.create_observable_counter(f"otel_calico.{name}", [_guarded(observe)], unit, text)


def _one(value: float) -> Iterable[Observation]:
    return [Observation(int(value) if isinstance(value, bool) else value)]


def _by(label: str, values: Mapping[str, int]) -> Iterable[Observation]:
    return [Observation(value, {label: key}) for key, value in values.items()]


def _guarded(observe: _Observe) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """A callback that logs instead of raising: the SDK would drop the metric."""

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        try:
            return list(observe())
        except Exception:
            log.exception("self_metric_failed")
            return ()

    return callback
