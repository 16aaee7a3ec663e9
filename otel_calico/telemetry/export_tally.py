"""Counts what a push exporter did: requests by result, and the values that arrived."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData


@dataclass(slots=True)
class ExportTally:
    """Requests of one exporter by result, and the values of policy series that arrived."""

    successes: int = 0
    failures: int = 0
    points: int = 0
    last_crash: str = ""  # what an exporter raised instead of saying that it failed

    def deliver(self, exporter: MetricExporter, data: MetricsData, timeout_millis: float) -> bool:
        """Export, count, and tell whether it arrived. The SDK would log what an exporter raises at every attempt."""
        try:
            arrived = exporter.export(data, timeout_millis=timeout_millis) is MetricExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - encoders and transports may raise anything
            return self.crash(error)
        if arrived:
            self.successes += 1
        else:
            self.failures += 1
        return arrived

    def crash(self, error: Exception) -> bool:
        """Count what was raised as a failure."""
        self.failures += 1
        self.last_crash = repr(error)
        return False
