"""`otel-calico check`, the preflight: tests whether this node can be monitored, and tells the remedy if not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from otel_calico import logs
from otel_calico.calico.lookups import Lookups
from otel_calico.check.ebpf import check_ebpf
from otel_calico.check.finding import Finding, Level
from otel_calico.check.machine import (
    check_capabilities,
    check_lock,
    check_node_name,
    check_programs,
    check_web_config,
)
from otel_calico.check.rules import check_datastore, check_names, check_rules, check_tables_in_force, wait_for_answers
from otel_calico.config import Settings
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.scan import Scan
from otel_calico.service.complete_scan import complete_scan
from otel_calico.service.wiring import StartError, build_datastore, build_scanner, scan_settings

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def run(settings: Settings) -> int:
    """Print one line per finding, with the remedy under it. Returns 1 if anything fails, else 0."""
    logs.configure("critical", settings.log.format)  # the findings say it
    failed = False
    for finding in _findings(settings):
        level = click.style(f"{finding.level.value:<5}", fg=_COLOURS[finding.level])
        click.echo(f"{level} {finding.subject:<18} {finding.text}")
        if finding.remedy:
            click.echo(f"{'':<24} → {finding.remedy}")
        failed |= finding.level is Level.FAIL
    return 1 if failed else 0


def _findings(settings: Settings) -> Iterator[Finding]:
    on_a_node = not settings.is_saved  # what was saved needs no rights, no programs and no lock
    yield check_node_name(settings.node)
    if on_a_node:
        yield check_capabilities()
        yield check_programs()
    yield from check_web_config(settings.web)
    lookups = Lookups()
    collector = Collector(build_scanner(settings, lookups, scan_settings(settings.metrics)))
    scan, datastore = _scan(settings, collector, lookups)
    yield from datastore
    snapshot = scan.snapshot
    if scan.ebpf:
        yield from check_ebpf(snapshot, scan.ebpf)
    else:
        yield check_rules(snapshot)
    if snapshot.report.in_force:
        yield check_tables_in_force(snapshot.report.in_force)
    if on_a_node and not scan.ebpf:
        yield check_lock(settings.iptables, snapshot.report.backend)
    if not snapshot.failure and all(finding.level is not Level.FAIL for finding in datastore):
        yield from check_names(scan, lookups, settings.node.name)


def _scan(settings: Settings, collector: Collector, lookups: Lookups) -> tuple[Scan, Sequence[Finding]]:
    """A scan, and what was found about the datastore that names what it found."""
    try:
        datastore = build_datastore(settings, lookups)
        datastore.start()
    except (StartError, DatastoreError) as error:
        problem = Finding(Level.FAIL, "datastore", str(error), "give it the settings that calico-node has")
        return collector.scan(), [problem]
    try:
        wait_for_answers(datastore)
        scan = complete_scan(collector, datastore, lambda: wait_for_answers(datastore))
        return scan, list(check_datastore(datastore.status()))
    finally:
        datastore.stop()
