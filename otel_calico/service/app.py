"""The service: puts its parts together and runs until told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Mapping

import structlog

from otel_calico import __version__, logs
from otel_calico.calico.lookups import Lookups
from otel_calico.config import Settings
from otel_calico.datastores.datastore import Datastore, DatastoreError
from otel_calico.datastores.waiting import wait_in_sync
from otel_calico.node_page.pages import NodePages
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.service import memory
from otel_calico.service.complete_scan import tell_needs
from otel_calico.service.exporters import Exporters
from otel_calico.service.wiring import (
    StartError,
    build_datastore,
    build_protection,
    build_scanner,
    export_settings,
    scan_settings,
)
from otel_calico.web.message import Route
from otel_calico.web.server import ListenError

log = structlog.get_logger(__name__)

_WAIT_FOR_DATASTORE = 5.0
"""Seconds that the first scan waits for the datastore, so that the log does not call every workload unknown."""

_STOP = (signal.SIGTERM, signal.SIGINT)

OK, CANNOT_LISTEN, CANNOT_START = 0, 1, 2
"""Exit codes. Another start may find the address free; what cannot start at all needs somebody to mend it."""


def serve(settings: Settings) -> int:
    """Serve this node until SIGTERM or SIGINT. Returns the exit code."""
    logs.configure(settings.log.level, settings.log.format)
    lookups = Lookups()
    try:
        datastore = build_datastore(settings, lookups)
        scanner = build_scanner(settings, lookups, scan_settings(settings.metrics))
        collector = Collector(scanner, settings.metrics.freshness)
        return _run(settings, collector, datastore, lookups)
    except (StartError, DatastoreError, ListenError) as error:
        return _refuse(error)


def demo(settings: Settings) -> int:
    """Serve the recorded node until SIGTERM or SIGINT. Returns the exit code."""
    from otel_calico import demo as recorded  # noqa: PLC0415 - the record is of no use to `serve`

    logs.configure(settings.log.level, settings.log.format)
    lookups = Lookups()
    datastore = recorded.fill(lookups)
    scanner = NodeScanner(recorded.DemoSource(), lookups, scan_settings(settings.metrics))
    collector = Collector(scanner, settings.metrics.freshness)
    try:
        return _run(settings, collector, datastore, lookups, welcome=_WELCOME)
    except (StartError, ListenError) as error:
        return _refuse(error)


_WELCOME = """\
A recorded Calico node is being replayed; its counters move.
  metrics   {scheme}://localhost:{port}/metrics
  page      {scheme}://localhost:{port}/
Press Ctrl-C to stop.
"""


def _run(settings: Settings, collector: Collector, datastore: Datastore, lookups: Lookups, welcome: str = "") -> int:
    memory.prepare()
    # Before any thread starts: all of them leave these signals to `sigwait`. A handler could run while the main thread
    # holds a lock that the handler wants, and would not run at all where the kernel hands the signal to another thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    stop = threading.Event()
    protection = build_protection(settings.web)
    pages: Mapping[str, Route] = {}
    if settings.web.page:
        pages = NodePages(settings.node.name, collector, datastore.status, lookups).routes
    exporters = Exporters(export_settings(settings), collector, datastore.status, protection, pages)
    collector.subscribe(lambda snapshot: tell_needs(datastore, snapshot))
    datastore.start()
    first_scan = threading.Thread(target=_first_scan, args=(collector, datastore, stop), name="first-scan", daemon=True)
    try:
        exporters.start()
        try:
            log.info("started", version=__version__, node=settings.node.name, port=exporters.port)
            if welcome:
                scheme = "https" if protection and protection.current.context else "http"
                sys.stdout.write(welcome.format(scheme=scheme, port=exporters.port))
                sys.stdout.flush()
            first_scan.start()
            signal.sigwait(_STOP)
        finally:
            stop.set()
            log.info("stopping")
            exporters.stop()
    finally:
        datastore.stop()
        collector.close()
    return OK


def _first_scan(collector: Collector, datastore: Datastore, stop: threading.Event) -> None:
    """Scan once at the start: it says in the log what is wrong, and counters since the start begin with it."""
    status = wait_in_sync(datastore, _WAIT_FOR_DATASTORE, stop)
    for reason, kinds in status.waiting_for.items():
        log.warning("datastore_not_in_sync", kinds=kinds, reason=reason)
    collector.scan()
    wait_in_sync(datastore, _WAIT_FOR_DATASTORE, stop)  # for the policies that the scan needs
    memory.settle()


def _refuse(error: Exception) -> int:
    sys.stderr.write(f"Error: {error}\n")
    return CANNOT_LISTEN if isinstance(error, ListenError) else CANNOT_START
