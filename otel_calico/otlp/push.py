"""A thread that pushes policy series and own metrics at every interval, through one exporter.

A collector that is down blocks nothing but this thread, and fills no memory: there is no queue. Cumulative values
need none, and deltas are formed from what arrived (`streams`).
"""

from __future__ import annotations

import gc
import logging
import math
import threading
import time

import structlog
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from otel_calico.otlp.exporters import PushExporter, own_temporality
from otel_calico.otlp.policy_exporter import PolicyExporter
from otel_calico.otlp.streams import Cumulative, Delta, Streams
from otel_calico.scanning.collector import Collector
from otel_calico.telemetry.export_settings import ExportSettings, Temporality
from otel_calico.telemetry.export_tally import ExportTally
from otel_calico.telemetry.instruments import OwnInstruments
from otel_calico.telemetry.service_state import ServiceStatus

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 4.0
"""How long `stop` waits for the last push before it cuts the connection."""


class Push:
    """One exporter, pushed to every `push_interval` seconds from `start` to `stop`."""

    def __init__(
        self,
        exporter: PushExporter,
        collector: Collector,
        status: ServiceStatus,
        settings: ExportSettings,
        resource: Resource,
    ) -> None:
        self.name = exporter.name
        self.tally = exporter.tally
        self._exporter = exporter
        self._collector = collector
        self._status = status
        self._interval = settings.push_interval
        self._timeout = settings.push_timeout
        delta = settings.temporality is Temporality.DELTA and exporter.name == "otlp"
        self.streams: Streams = Delta() if delta else Cumulative()
        self._policy = PolicyExporter(exporter.sdk, resource, self.tally, self.streams)
        # Without a thread of its own: a push is of both parts.
        self._own_reader = PeriodicExportingMetricReader(
            _OwnExporter(exporter, settings.temporality, self.tally), export_interval_millis=math.inf
        )
        self._own = OwnInstruments(self._own_reader, resource)
        collector.subscribe(self._own.record)
        self._complaints = _Complaints()
        # Before the SDK's own filter, which drops what repeats itself within 20 seconds.
        logging.getLogger(exporter.logger).filters.insert(0, self._complaints)
        self._failed_since: float | None = None
        self._stopping = threading.Event()
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"push-{exporter.name}", daemon=True)

    def start(self) -> None:
        """Begin to push, the first time after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Push once more, and end: within `FLUSH_SECONDS` and the little that cutting a connection takes."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)
        self._cut.set()
        self._exporter.sdk.shutdown()
        if self._thread.is_alive():
            self._thread.join(0.5)
        self._own.shutdown()
        if not self._thread.is_alive():  # a request in flight over HTTP ends with its own time limit, and complains
            logging.getLogger(self._exporter.logger).removeFilter(self._complaints)

    def push(self) -> None:
        """Collect and export once. Never raises; what failed is counted, and logged when it begins and ends."""
        failures, successes = self.tally.failures, self.tally.successes
        self._complaints.first = self.tally.last_crash = ""
        try:
            snapshot = self._collector.scan().snapshot
            self._policy.export(snapshot, self._timeout)
            if self.tally.failures == failures:
                self._own.show(self._status.at(snapshot))
                self._own_reader.collect(timeout_millis=self._timeout * 1e3)
        except Exception as error:  # noqa: BLE001 - such as a time limit; the thread must live to try again
            self.tally.crash(error)
        gc.collect()  # the SDK's providers and readers hold each other: else they would pile up to some megabytes
        self._log_change(failed=self.tally.failures > failures, arrived=self.tally.successes > successes)

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
            log.warning("export_failing", exporter=self.name, target=self._exporter.target, error=error)
        elif arrived and not failed and self._failed_since is not None:
            seconds = round(time.monotonic() - self._failed_since)
            self._failed_since = None
            log.info("export_recovered", exporter=self.name, target=self._exporter.target, after_seconds=seconds)


class _OwnExporter(MetricExporter):
    """The same exporter for the service's own metrics; the SDK's temporality is right for them."""

    def __init__(self, exporter: PushExporter, preference: Temporality, tally: ExportTally) -> None:
        super().__init__(preferred_temporality=own_temporality(preference))
        self._inner = exporter.sdk
        self._tally = tally

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:
        """Pass on, and count."""
        arrived = self._tally.deliver(self._inner, metrics_data, timeout_millis)
        return MetricExportResult.SUCCESS if arrived else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """`Push.stop` ends the exporter."""


class _Complaints(logging.Filter):
    """Keeps the SDK's complaints at every attempt out of the log, and the first one of a push for our event."""

    first = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing through but what is worse than an error."""
        self.first = self.first or record.getMessage()
        return record.levelno > logging.ERROR
