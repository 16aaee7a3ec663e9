"""The service's own metrics: how its scans, its datastore and its exports do. The same wherever they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.scans import Scans
from otel_calico.telemetry.own_metric import OwnMetric
from otel_calico.telemetry.scan_metrics import scan_metrics
from otel_calico.telemetry.service_state import SeriesCount, ServiceState, state_of
from otel_calico.telemetry.state_metrics import State, state_metrics
from otel_calico.telemetry.tally import ExportTally


class OwnMetrics:
    """What there is to show.

    `web_config_in_effect` tells whether the web configuration file as it is now is in effect; None without one.
    """

    def __init__(
        self,
        scans: Scans,
        datastore: Callable[[], DatastoreStatus],
        otlp: Sequence[ExportTally] = (),
        web_config_in_effect: Callable[[], bool] | None = None,
    ) -> None:
        self.scans = scans
        self._datastore = datastore
        self._otlp = otlp
        self._web_config_in_effect = web_config_in_effect
        self._series = SeriesCount()

    def look(self) -> ServiceState:
        """The state behind the snapshot that is shown now."""
        snapshot = self.scans.take()
        in_effect = self._web_config_in_effect() if self._web_config_in_effect else None
        series = self._series.of(snapshot.readings)
        return state_of(snapshot, series, self._datastore(), web_config_in_effect=in_effect)

    def moving(self) -> Sequence[OwnMetric]:
        """What moves with every scan."""
        return scan_metrics(self.scans, self._otlp)

    def steady(self, state: State) -> Sequence[OwnMetric]:
        """What `state` tells."""
        return state_metrics(state, with_web_config=self._web_config_in_effect is not None)
