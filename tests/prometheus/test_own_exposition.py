"""The service's own metrics on the page."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.metrics import POLICY_ACCEPT
from otel_calico.prometheus.own_exposition import OwnExposition
from otel_calico.prometheus.process_metrics import ProcessMetrics
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.scans import Scans
from otel_calico.series import Readings, ScanFailure, ScanReport, SeriesSet, Snapshot
from otel_calico.telemetry.export_tally import ExportTally
from otel_calico.telemetry.instruments import own_provider
from otel_calico.telemetry.own_metrics import OwnMetrics
from otel_calico.telemetry.service_state import SeriesCount
from tests.telemetry.snapshots import example, scan

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
    """What own metrics are of."""

    def __init__(self, resource: Resource = RESOURCE) -> None:
        self.snapshot = replace(example(), report=REPORT)
        self.status = DatastoreStatus({"policies": KindStatus(in_sync=True, held=3, errors=2)})
        self.in_effect = True
        self.tally = ExportTally()
        self.scans = Scans(lambda: scan(self.snapshot))
        self.own = OwnMetrics(self.scans, lambda: self.status, [self.tally], lambda: self.in_effect)
        self.page = OwnExposition(self.own, resource)
        self.registry = CollectorRegistry()
        own_provider(self.own, [PrometheusMetricReader(scope_info_enabled=False, registry=self.registry)], resource)

    def changes(self) -> None:
        """Let all that can change do so."""
        self.snapshot = Snapshot(1.0, failure=ScanFailure("time_limit", "too slow"), report=ScanReport(seconds=STEPS))
        self.status = DatastoreStatus({"policies": KindStatus(connected=True), "tiers": KindStatus(reconnects=1)})
        self.in_effect = False
        self.tally.successes, self.tally.points = 7, 700

    def pages(self, form: TextFormat) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The families of the page, and those that OpenTelemetry's reader makes of the same instruments."""
        with self.scans.holding():
            page = self.page.render(form).decode()
            stock = generate_latest if form is TextFormat.PROMETHEUS else generate_openmetrics
            return families(page), families(stock(self.registry).decode())


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
    with world.scans.holding():
        text = world.page.render(form).decode()
    if form is TextFormat.OPENMETRICS:
        parsed = list(openmetrics_families(f"{text}# EOF\n"))  # type: ignore[no-untyped-call]
    else:
        parsed = list(prometheus_families(text))
    (target,) = (family for family in parsed if family.name in {"target", "target_info"})
    assert [sample.value for sample in target.samples] == [1.0]


def test_series_are_counted_right_while_another_thread_counts_another_snapshot() -> None:
    counts = SeriesCount()
    one, two = (readings_with([{}] * number) for number in (1, 2))

    class Overtaken(list[dict[str, str]]):
        def __len__(self) -> int:
            counts.of(one)
            return super().__len__()

    three = readings_with(Overtaken([{}] * 3))
    found = [counts.of(each)[POLICY_ACCEPT.exposed] for each in (two, three, one, two, three)]
    assert found == [2, 3, 1, 2, 3]


def readings_with(labels: list[dict[str, str]]) -> list[Readings]:
    return [Readings(SeriesSet(POLICY_ACCEPT, labels, ()), ())]


def test_both_formats_show_a_change_at_once() -> None:
    world = World()
    for success in (1, 0, 1):
        failure = None if success else ScanFailure("empty", "nothing")
        world.snapshot = Snapshot(float(success), failure=failure)
        for form in TextFormat:
            with world.scans.holding():
                assert f"\notel_calico_scan_success {success}.0\n" in world.page.render(form).decode()


def test_a_metric_that_cannot_be_told_is_left_out_and_the_page_stays(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.tally.points = None  # type: ignore[assignment]
    page, _ = world.pages(TextFormat.PROMETHEUS)
    assert "otel_calico_otlp_points_total" not in page
    assert "otel_calico_scans_total" in page
    assert "own_metric_failed" in capsys.readouterr().out


@pytest.mark.parametrize("form", TextFormat)
def test_process_metrics_are_those_of_prometheus_client(form: TextFormat) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    stock = generate_latest if form is TextFormat.PROMETHEUS else generate_openmetrics
    theirs = stock(registry).decode().removesuffix("# EOF\n").splitlines()
    ours = ProcessMetrics().render(form).splitlines()
    assert [line.split(" ")[0] for line in ours] == [line.split(" ")[0] for line in theirs]
    for line, other in zip(ours, theirs, strict=True):
        if line.startswith("#"):
            assert line == other
        else:
            assert float(line.split(" ")[1]) == pytest.approx(float(other.split(" ")[1]), rel=0.2)


def test_prometheus_client_is_not_loaded_for_the_usual_page() -> None:
    script = """
import sys
from otel_calico.telemetry.export_settings import ExportSettings
from otel_calico.service.exporters import Exporters
from otel_calico.scanning.scans import Scans
from tests.telemetry.snapshots import Node, example
page = Exporters(ExportSettings("n"), Scans(Node(example()).take)).page
from otel_calico.prometheus.text_format import TextFormat
assert b"process_open_fds" in page.render(TextFormat.PROMETHEUS)
print("prometheus_client" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert run.stdout == "False\n"
