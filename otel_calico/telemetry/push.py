"""The thread that pushes: policy series and the service's own metrics, every interval, through one outlet.

A collector that is down blocks nothing but this thread, and fills no memory: there is no queue. Cumulative values
need none, and deltas are formed from what arrived (`stream_exporter`).
"""

from __future__ import annotations

import logging
import math
import threading
import time

import structlog
from opentelemetry.sdk.metrics.export import (
    CardinalityLimits,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from otel_calico.telemetry.instruments import never_falling
from otel_calico.telemetry.otlp import Outlet, own_temporality
from otel_calico.telemetry.renewal import BUDGET, RenewedReader
from otel_calico.telemetry.scans import Scans
from otel_calico.telemetry.settings import TelemetrySettings, Temporality
from otel_calico.telemetry.stream_exporter import ExportTally, StreamExporter

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 4.0
"""How long `stop` waits for the last push before it cuts the connection."""


class Push:
    """One outlet, pushed to every `push_interval` seconds from `start` to `stop`."""

    def __init__(
        self, outlet: Outlet, scans: Scans, settings: TelemetrySettings, resource: Resource, budget: int = BUDGET
    ) -> None:
        self.name = outlet.name
        self.tally = ExportTally()
        self._outlet = outlet
        self._scans = scans
        self._interval = settings.push_interval
        self._collect_millis = settings.push_timeout * 1e3
        delta = settings.temporality is Temporality.DELTA and outlet.name == "otlp"
        self.stream_exporter = StreamExporter(outlet.exporter, lambda: self.policy.shown, self.tally, delta=delta)
        self.policy = RenewedReader(scans.take, never_falling, self._policy_reader, resource, budget)
        self.own_reader = _reader(_OwnExporter(outlet, settings.temporality, self.tally))
        self._complaints = _Complaints()
        # Before the SDK's own filter, which drops what repeats itself within 20 seconds.
        logging.getLogger(outlet.logger).filters.insert(0, self._complaints)
        self._failed_since: float | None = None
        self._stopping = threading.Event()
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"push-{outlet.name}", daemon=True)

    def start(self) -> None:
        """Begin to push, the first time after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Push once more, and end: within `FLUSH_SECONDS` and the little that cutting a connection takes."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)
        self._cut.set()
        self._outlet.exporter.shutdown()
        if self._thread.is_alive():
            self._thread.join(0.5)
        self.policy.close()
        if not self._thread.is_alive():  # a request in flight over HTTP ends with its own time limit, and complains
            logging.getLogger(self._outlet.logger).removeFilter(self._complaints)

    def push(self) -> None:
        """Collect and export once. Never raises; what failed is counted, and logged when it begins and ends."""
        failures, successes = self.tally.failures, self.tally.successes
        self._complaints.first = self.tally.last_crash = ""
        with self._scans.holding():
            for reader in (self.policy.reader, self.own_reader):
                if self.tally.failures == failures:
                    self._collect(reader)
        self._log_change(failed=self.tally.failures > failures, arrived=self.tally.successes > successes)
        self.policy.renew_if_grown()

    def _collect(self, reader: MetricReader) -> None:
        try:
            reader.collect(timeout_millis=self._collect_millis)
        except Exception as error:  # noqa: BLE001 - such as a time limit; the thread must live to try again
            self.tally.failures += 1
            self.tally.last_crash = repr(error)

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self.push()
            due = max(due + self._interval, time.monotonic())
        if not self._cut.is_set():
            self.push()

    def _log_change(self, *, failed: bool, arrived: bool) -> None:
        if failed and self._failed_since is None:
            self._failed_since = time.monotonic()
            error = self.tally.last_crash or self._complaints.first
            log.warning("export_failing", exporter=self.name, target=self._outlet.target, error=error)
        elif arrived and not failed and self._failed_since is not None:
            seconds = round(time.monotonic() - self._failed_since)
            self._failed_since = None
            log.info("export_recovered", exporter=self.name, target=self._outlet.target, after_seconds=seconds)

    def _policy_reader(self, limits: CardinalityLimits) -> MetricReader:
        return _reader(self.stream_exporter, limits)


def _reader(exporter: MetricExporter, limits: CardinalityLimits | None = None) -> MetricReader:
    """A reader without a thread of its own, so that it can be replaced between two pushes."""
    return PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf, cardinality_limits=limits)


class _OwnExporter(MetricExporter):
    """The same outlet for the service's own metrics; the SDK's temporality is right for them."""

    def __init__(self, outlet: Outlet, preference: Temporality, tally: ExportTally) -> None:
        super().__init__(preferred_temporality=own_temporality(preference))
        self._inner = outlet.exporter
        self._tally = tally

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:
        """Pass on, and count."""
        arrived = self._tally.deliver(self._inner, metrics_data, timeout_millis)
        return MetricExportResult.SUCCESS if arrived else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """`Push.stop` ends the outlet."""


class _Complaints(logging.Filter):
    """Keeps the SDK's complaints at every attempt out of the log, and the first one of a push for our event."""

    first = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing through but what is worse than an error."""
        self.first = self.first or record.getMessage()
        return record.levelno > logging.ERROR
