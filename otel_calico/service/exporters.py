"""The exporters of one process: the Prometheus page with the HTTP server, and the pushes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opentelemetry.sdk.resources import Resource

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.otlp.exporters import push_exporters
from otel_calico.otlp.push import Push
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.metrics_page import MetricsPage, PolicyExposition
from otel_calico.prometheus.service_exposition import ServiceExposition
from otel_calico.scanning.collector import Collector
from otel_calico.service.routes import PROBES, Routes
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Naming
from otel_calico.telemetry.resource import build_resource
from otel_calico.telemetry.service_state import ServiceStatus
from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.message import Route
from otel_calico.web.protection import ProtectionFile
from otel_calico.web.server import HttpServer


class Exporters:
    """Shows what the collector scans.

    `datastore` tells the state of the datastore; an empty status, the default, where there is none. `protection` guards
    the HTTP server; without it everybody may ask. `pages` are for people, by path.
    """

    def __init__(
        self,
        settings: ExportSettings,
        collector: Collector,
        datastore: Callable[[], DatastoreStatus] = DatastoreStatus,
        protection: ProtectionFile | None = None,
        pages: Mapping[str, Route] | None = None,
    ) -> None:
        resource = build_resource(settings)
        exporters = push_exporters(settings)
        otlp = [exporter.tally for exporter in exporters if exporter.name == "otlp"]
        in_effect = (lambda: protection.in_effect) if protection else None
        status = ServiceStatus(collector.tally, datastore, otlp, in_effect)
        self.pushes = [Push(exporter, collector, status, settings, resource) for exporter in exporters]
        self.page: MetricsPage | None = None
        if Exporter.PROMETHEUS in settings.exporters:
            service = ServiceExposition(resource)
            collector.subscribe(service.record)
            self.page = MetricsPage(collector, _policy_exposition(settings.naming, resource), service, status)
        self._server = HttpServer(
            Routes(self.page, collector, datastore, pages or {}),
            settings.listen_address,
            settings.listen_port,
            limits=TimeLimits(settings.request_seconds),
            probes=PROBES,
            file=protection,
        )

    @property
    def port(self) -> int:
        """The port that is served."""
        return self._server.port

    def start(self) -> None:
        """Listen, then begin to push. Raises ListenError."""
        self._server.start()
        for push in self.pushes:
            push.start()

    def stop(self) -> None:
        """Push what there is a last time, and end; within about 5 seconds for each push exporter, 2 for HTTP."""
        for push in self.pushes:
            push.stop()
        self._server.stop()


def _policy_exposition(naming: Naming, resource: Resource) -> PolicyExposition:
    if naming is Naming.CALICO:
        return Exposition()
    from otel_calico.prometheus.opentelemetry_exposition import (  # noqa: PLC0415 - only with this naming
        OpenTelemetryExposition,
    )

    return OpenTelemetryExposition(resource)
