"""A scan with all names: repeated if the first one needs policies that the datastore does not watch yet."""

from __future__ import annotations

from collections.abc import Callable

from otel_calico.datastores.datastore import Datastore
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.scan import Scan
from otel_calico.snapshot import Snapshot


def tell_needs(datastore: Datastore, snapshot: Snapshot) -> None:
    """Tell the datastore which kinds of policy a scan needs. A failed scan does not know."""
    if not snapshot.failure:
        datastore.need(snapshot.report.kinds_needed)


def complete_scan(collector: Collector, datastore: Datastore, wait: Callable[[], object]) -> Scan:
    """Scan; if that makes the datastore watch more kinds, `wait` for them and scan again."""
    before = datastore.status().kinds.keys()
    scan = collector.scan()
    tell_needs(datastore, scan.snapshot)
    if datastore.status().kinds.keys() <= before:
        return scan
    wait()
    return collector.scan()
