"""The service's own metrics on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.metrics import POLICY_ACCEPT
from otel_calico.prometheus.service_exposition import ServiceExposition, registry_text
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.snapshot import ScanFailure, ScanReport, Snapshot
from otel_calico.telemetry.export_tally import ExportTally
from otel_calico.telemetry.instruments import OwnInstruments
from otel_calico.telemetry.service_state import ServiceStatus
from tests.telemetry.snapshots import Node, example

RESOURCE = Resource({"service.name": 'a "b"\n\\c', "k8s.node.name": "node-1", "service.version": "1"})
STEPS = {"read": 0.03, "parse": 0.001, "account": 3.0}
REPORT = ScanReport(
    "legacy",
    "iptables",
    STEPS,
    {"ipv4": 6271, "ipv6": 12},
    {"ipv4": 661_000},
    malformed_lines=2,
    interfaces_without_workload=("cali1",),
    series_left_out={POLICY_ACCEPT: 3},
    unreadable={"ipv6": "ip6tables-nft-save ended with exit status 3: no"},
)


class World:
    """What own metrics are of, shown by the page and by OpenTelemetry's reader of the same instruments."""

    def __init__(self, resource: Resource = RESOURCE) -> None:
        self.node = Node(replace(example(), report=REPORT))
        self.datastore = DatastoreStatus({"policies": KindStatus(in_sync=True, held=3, errors=2)})
        self.in_effect = True
        self.tally = ExportTally()
        collector = self.node.collector
        self.status = ServiceStatus(collector.tally, lambda: self.datastore, [self.tally], lambda: self.in_effect)
        self.page = ServiceExposition(resource)
        self.registry = CollectorRegistry()
        self.instruments = OwnInstruments(
            PrometheusMetricReader(scope_info_enabled=False, registry=self.registry), resource
        )
        collector.subscribe(self.page.record)
        collector.subscribe(self.instruments.record)

    def changes(self) -> None:
        """Let all that can change do so."""
        failure = ScanFailure("time_limit", "too slow")
        self.node.shown = Snapshot(1.0, failure=failure, report=ScanReport(seconds=STEPS))
        self.datastore = DatastoreStatus({"policies": KindStatus(connected=True), "tiers": KindStatus(reconnects=1)})
        self.in_effect = False
        self.tally.successes, self.tally.points = 7, 700

    def text(self, form: TextFormat) -> str:
        """The page of a new scan."""
        return self.page.render(self.status.at(self.node.collector.scan().snapshot), form).decode()

    def pages(self, form: TextFormat) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The families of the page, and those that OpenTelemetry's reader makes of the same instruments."""
        page = self.text(form)
        latest = self.node.collector.latest
        assert latest is not None
        self.instruments.show(self.status.at(latest.snapshot))
        return families(page), families(registry_text(self.registry, form).decode())


HOSTILE = {
    "1st": "a digit",
    "équipe": "a letter",
    "a٣": "a digit of others",
    "a²": "a power",
    "__name__": "a name of Prometheus's own",
    'a"b': 'quotes "\n\\ and \r and \0',
    "a..c": "",
    "é": "é",
}
"""Attributes that Prometheus would not take as they are."""


def families(page: str) -> dict[str, list[str]]:
    """The lines of each family but those of the process; how old the last good scan is left off.

    The reader gives all samples of a family the same labels, empty ones too, which mean nothing to Prometheus.
    """
    page = page.replace('reason="",', "")
    page = re.sub(r"(age_seconds) .*", r"\1 AGE", page.removesuffix("# EOF\n"))
    found = {text.split(" ", 1)[0]: text for text in page.split("# HELP ") if text}
    return {name: sorted(text.split("\n")) for name, text in found.items() if not name.startswith("process_")}


@pytest.mark.parametrize("form", TextFormat)
def test_own_metrics_are_those_of_opentelemetrys_reader(form: TextFormat) -> None:
    world = World()
    page, stock = world.pages(form)
    assert page == stock
    assert {"target_info" if form is TextFormat.PROMETHEUS else "target", "otel_calico_series"} <= page.keys()
    world.changes()
    page, stock = world.pages(form)
    assert page == stock


@pytest.mark.parametrize("form", TextFormat)
@pytest.mark.parametrize("attributes", [HOSTILE, *({key: value} for key, value in HOSTILE.items())])
def test_hostile_resource_attributes_are_shown_as_opentelemetrys_reader_does(
    attributes: dict[str, str], form: TextFormat
) -> None:
    world = World(Resource(attributes))
    page, stock = world.pages(form)
    assert page == stock
    text = world.text(form)
    if form is TextFormat.OPENMETRICS:
        parsed = list(openmetrics_families(f"{text}# EOF\n"))  # type: ignore[no-untyped-call]
    else:
        parsed = list(prometheus_families(text))
    (target,) = (family for family in parsed if family.name in {"target", "target_info"})
    assert [sample.value for sample in target.samples] == [1.0]


def test_both_formats_show_a_change_at_once() -> None:
    world = World()
    for success in (1, 0, 1):
        failure = None if success else ScanFailure("empty", "nothing")
        world.node.shown = Snapshot(float(success), failure=failure)
        for form in TextFormat:
            assert f"\notel_calico_scan_success {success}.0\n" in world.text(form)


def test_a_metric_that_cannot_be_told_is_left_out_and_the_page_stays(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.tally.points = None  # type: ignore[assignment]
    page, _ = world.pages(TextFormat.PROMETHEUS)
    assert "otel_calico_otlp_points_total" not in page
    assert "otel_calico_scans_total" in page
    assert "own_metric_failed" in capsys.readouterr().out


def test_the_page_has_the_metrics_of_the_process() -> None:
    lines = World().text(TextFormat.PROMETHEUS).splitlines()
    found = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith("process_")}
    assert found.keys() == {
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
    }
    assert min(found.values()) > 0
