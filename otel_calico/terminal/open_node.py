"""Opens the node that `report` and `explain` show: its rules, live or saved, and its datastore if there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.config import Settings
from otel_calico.datastores.datastore import Datastore, DatastoreError, NoDatastore
from otel_calico.datastores.waiting import wait_in_sync
from otel_calico.explain.interface_prefix import prefix_hint
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.view import view_of
from otel_calico.readiness import unread_rules
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.scanning.scan import Scan
from otel_calico.service.complete_scan import complete_scan
from otel_calico.service.wiring import StartError, build_datastore, build_scanner

_PATIENCE = 5.0
"""Seconds to wait for a datastore; without it the rules tell the names they hold."""


class NodeError(Exception):
    """There is nothing to show. The message says why and what to do."""


class Node:
    """Its scans, and how to look at them."""

    def __init__(
        self, collector: Collector, datastore: Datastore, lookups: Lookups, interface_prefix: str, notes: list[str]
    ) -> None:
        self._collector = collector
        self._datastore = datastore
        self._lookups = lookups
        self._interface_prefix = interface_prefix
        self._notes = notes

    def scan(self) -> Scan:
        """Read the rules now. Raises NodeError."""
        scan = complete_scan(self._collector, self._datastore, lambda: wait_in_sync(self._datastore, _PATIENCE))
        if failure := scan.snapshot.failure:
            raise NodeError(failure.message)
        return scan

    def notes(self, scan: Scan) -> Sequence[str]:
        """What is missing, of the datastore and of this scan, and what to do about it."""
        interfaces = {one.interface for one in self.view(scan).endpoints if not one.traffic}
        workloads = filter(None, map(self._lookups.endpoint, self._lookups.interfaces()))
        hint = prefix_hint(interfaces, workloads)
        return [*self._notes, *unread_rules(scan.snapshot.report), *([hint] if hint else [])]

    def view(self, scan: Scan, former: Scan | None = None) -> NodeView:
        """What a scan shows."""
        return view_of(scan, self._lookups, former, self._interface_prefix)


@contextmanager
def open_node(settings: Settings) -> Iterator[Node]:
    """The node that the settings name. Raises NodeError for files that cannot be used.

    With a saved ruleset no server is asked: whose rules they are, only a file can tell.
    """
    lookups = Lookups()
    notes: list[str] = []
    datastore = _datastore(settings, lookups, notes)
    collector = Collector(build_scanner(settings, lookups, ScanSettings(SeriesChoice(families=()))), freshness=0.0)
    try:
        _wait_for(datastore, notes)
        yield Node(collector, datastore, lookups, settings.node.interface_prefix, notes)
    finally:
        datastore.stop()
        collector.close()


def _datastore(settings: Settings, lookups: Lookups, notes: list[str]) -> Datastore:
    is_file = settings.datastore.type == "file"
    if settings.is_saved and not is_file:
        return NoDatastore()
    try:
        datastore = build_datastore(settings, lookups)
        datastore.start()
    except (StartError, DatastoreError) as error:
        if is_file:
            raise NodeError(str(error)) from error
        notes.append(f"no datastore, so names come from the rules alone: {error}")
        return NoDatastore()
    return datastore


def _wait_for(datastore: Datastore, notes: list[str]) -> None:
    status = wait_in_sync(datastore, _PATIENCE)
    for reason in sorted(status.waiting_for):
        notes.append(f"the datastore is not in sync after {_PATIENCE:g} s, so some names may be missing: {reason}")
    if failures := sum(kind.decode_failures for kind in status.kinds.values()):
        notes.append(f"{failures} objects of the datastore could not be read")
