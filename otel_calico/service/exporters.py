"""Everything that shows the snapshots to the world, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opentelemetry.sdk.resources import Resource

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.otlp.exporters import push_exporters
from otel_calico.otlp.push import Push
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.metrics_page import MetricsPage, PolicyPart
from otel_calico.prometheus.own_exposition import OwnExposition
from otel_calico.scanning.scans import Scans
from otel_calico.service.routes import PROBES, Routes
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Naming
from otel_calico.telemetry.instruments import own_provider
from otel_calico.telemetry.own_metrics import OwnMetrics
from otel_calico.telemetry.resource import build_resource
from otel_calico.web.client_connection import TimeLimits
from otel_calico.web.message import Route
from otel_calico.web.protection import ProtectionFile
from otel_calico.web.server import HttpServer


class Exporters:
    """The exporters and the HTTP server of one process.

    `datastore` tells the state of the datastore; an empty status, the default, where there is none. `protection` guards
    the HTTP server; without it everybody may ask. `pages` are for people, by path.
    """

    def __init__(
        self,
        settings: ExportSettings,
        scans: Scans,
        datastore: Callable[[], DatastoreStatus] = DatastoreStatus,
        protection: ProtectionFile | None = None,
        pages: Mapping[str, Route] | None = None,
    ) -> None:
        resource = build_resource(settings)
        self.pushes = [Push(outlet, scans, settings, resource) for outlet in push_exporters(settings)]
        otlp = [push.tally for push in self.pushes if push.name == "otlp"]
        in_effect = (lambda: protection.in_effect) if protection else None
        own = OwnMetrics(scans, datastore, otlp, in_effect)
        self._close: Callable[[], None] = lambda: None
        self.page: MetricsPage | None = None
        if Exporter.PROMETHEUS in settings.exporters:
            self.page = MetricsPage(scans, _policy_part(settings.naming, scans, resource), OwnExposition(own, resource))
        if self.pushes:
            provider = own_provider(own, [push.own_reader for push in self.pushes], resource)
            self._close = provider.shutdown
        self._server = HttpServer(
            Routes(self.page, scans, datastore, pages or {}),
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
        self._close()


def _policy_part(naming: Naming, scans: Scans, resource: Resource) -> PolicyPart:
    if naming is Naming.CALICO:
        return Exposition()
    # Its library takes 4 MB.
    from otel_calico.prometheus.stock_exposition import StockExposition  # noqa: PLC0415

    return StockExposition(scans.take, resource)
