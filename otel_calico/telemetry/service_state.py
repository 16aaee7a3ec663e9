"""The state that the service's own metrics show: last scan, tallies, datastore."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.datastores.status import DatastoreStatus
from otel_calico.failed_parts import ScanPart
from otel_calico.scanning.tally import ScanTally
from otel_calico.snapshot import Snapshot
from otel_calico.telemetry.export_tally import ExportTally


@dataclass(frozen=True, slots=True)
class ServiceState:
    """State at one scan.

    `scans` counts scans by result and kind of failure, `failed_parts` what single ones left out; `seconds_since_good`
    is the age of the last good one.
    `web_config_in_effect` is None where there is no such file.
    """

    snapshot: Snapshot
    scans: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failed_parts: Mapping[ScanPart, int] = field(default_factory=dict)
    seconds_since_good: float = 0.0
    datastore: DatastoreStatus = field(default_factory=DatastoreStatus)
    exports: Sequence[ExportTally] = ()
    web_config_in_effect: bool | None = None


@dataclass(slots=True)
class ServiceStatus:
    """Where the state is found. `exports` are the tallies of the OTLP exporters."""

    tally: ScanTally
    datastore: Callable[[], DatastoreStatus] = DatastoreStatus
    exports: Sequence[ExportTally] = ()
    web_config_in_effect: Callable[[], bool] | None = None

    def at(self, snapshot: Snapshot) -> ServiceState:
        """The state now, with the snapshot that is shown."""
        return ServiceState(
            snapshot,
            dict(self.tally.results),
            dict(self.tally.failed_parts),
            self.tally.seconds_since_good,
            self.datastore(),
            self.exports,
            self.web_config_in_effect() if self.web_config_in_effect else None,
        )
