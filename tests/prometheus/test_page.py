"""The whole page at `/metrics`."""

from __future__ import annotations

import gzip
import threading

import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.failed_parts import ScanPart
from otel_calico.prometheus.opentelemetry_exposition import OpenTelemetryExposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.collector import Collector
from otel_calico.service.exporters import Exporters
from otel_calico.snapshot import ScanFailure, Snapshot
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Naming
from tests.telemetry.snapshots import Node, example, pods

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

STATUS = DatastoreStatus({"policies": KindStatus(in_sync=True, held=3, errors=2, reconnects=1, last_error="x")})


def render(node: Node, form: TextFormat = TextFormat.PROMETHEUS, naming: Naming = Naming.CALICO) -> str:
    settings = ExportSettings("node-1", frozenset({Exporter.PROMETHEUS}), naming=naming)
    page = Exporters(settings, node.collector, lambda: STATUS).page
    assert page is not None
    return page.render(form).decode()


def samples(text: str, form: TextFormat = TextFormat.PROMETHEUS) -> Samples:
    """Values by name and labels; an empty label is none, as Prometheus has it."""
    openmetrics = form is TextFormat.OPENMETRICS
    families = parse_openmetrics(text) if openmetrics else parse_text(text)  # type: ignore[no-untyped-call]
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            key = sample.name, tuple(sorted((name, text) for name, text in sample.labels.items() if text))
            assert key not in found
            found[key] = sample.value
    return found


def policy_samples(found: Samples) -> Samples:
    """Those of policies, without the `_total` that the parser itself gives to counters."""
    prefixes = ("otel_calico_", "process_", "target_info")
    kept = {key: value for key, value in found.items() if not key[0].startswith(prefixes)}
    return {(name.removesuffix("_total"), labels): value for (name, labels), value in kept.items()}


def own_samples(found: Samples) -> dict[str, float]:
    """The service's own metrics as text, without those that depend on the clock or the machine."""
    varying = ("otel_calico_scan_duration_seconds_bucket", "otel_calico_scan_last_success", "otel_calico_build_info")
    return {
        name + ",".join(f"{key}={text}" for key, text in labels): value
        for (name, labels), value in found.items()
        if name.startswith("otel_calico_") and not name.startswith(varying)
    }


@pytest.mark.parametrize("form", TextFormat)
def test_a_page_tells_of_the_scan_the_datastore_and_the_service(form: TextFormat) -> None:
    found = samples(render(Node(example()), form), form)
    assert own_samples(found) == {
        "otel_calico_scan_duration_seconds_countstep=read": 1,
        "otel_calico_scan_duration_seconds_sumstep=read": 0.02,
        "otel_calico_scan_duration_seconds_countstep=parse": 1,
        "otel_calico_scan_duration_seconds_sumstep=parse": 0.3,
        "otel_calico_scan_success": 1,
        "otel_calico_scans_totalresult=success": 1,
        **{f"otel_calico_scan_failed_parts_totalpart={part}": 0 for part in ScanPart},
        "otel_calico_scan_unlocked": 0,
        "otel_calico_backend_infobackend=nft": 1,
        "otel_calico_ruleset_rulesnetwork_type=ipv4": 120,
        "otel_calico_ruleset_rulesnetwork_type=ipv6": 80,
        "otel_calico_ruleset_size_bytesnetwork_type=ipv4": 9_000,
        "otel_calico_ruleset_size_bytesnetwork_type=ipv6": 7_000,
        "otel_calico_ruleset_malformed_lines": 0,
        "otel_calico_ruleset_missing_chains": 0,
        "otel_calico_ruleset_contradicted_tiers": 0,
        "otel_calico_interfaces_without_workload": 0,
        "otel_calico_workloads_without_chains": 0,
        "otel_calico_chains_without_name": 0,
        "otel_calico_seriesmetric=no_policy_drop_counter": 3,
        "otel_calico_seriesmetric=policy_accept_counter": 1,
        "otel_calico_seriesmetric=calico_policy_packets_total": 1,
        "otel_calico_seriesmetric=calico_policy_group_info": 1,
        "otel_calico_seriesmetric=calico_accountant_dropped_scrape": 1,
        "otel_calico_datastore_in_synckind=policies": 1,
        "otel_calico_datastore_connectedkind=policies": 0,
        "otel_calico_datastore_resourceskind=policies": 3,
        "otel_calico_datastore_errors_totalkind=policies": 2,
        "otel_calico_datastore_reconnects_totalkind=policies": 1,
        "otel_calico_datastore_decode_failures_totalkind=policies": 0,
    }
    names = {name for name, _ in found}
    assert {"otel_calico_build_info", "process_resident_memory_bytes", "target_info"} <= names
    assert not any(label.startswith("otel_scope") for _, labels in found for label, _ in labels)


def test_a_failed_scan_shows_no_policy_series_and_says_why() -> None:
    failed = Node(Snapshot(0.0, failure=ScanFailure("exit_status", "iptables-save failed")))
    found = samples(render(failed))
    assert policy_samples(found) == {("calico_accountant_dropped_scrape", ()): 0}
    own = own_samples(found)
    assert own["otel_calico_scan_success"] == 0
    assert own["otel_calico_scans_totalreason=exit_status,result=failure"] == 1


def test_both_namings_show_equal_values() -> None:
    calico = policy_samples(samples(render(Node(example()))))
    stock = policy_samples(samples(render(Node(example()), naming=Naming.OPENTELEMETRY)))
    assert stock == calico
    assert len(calico) == 7


@pytest.mark.parametrize("form", TextFormat)
def test_the_stock_naming_parses_in_both_formats(form: TextFormat) -> None:
    names = {name for name, _ in samples(render(Node(example()), form, Naming.OPENTELEMETRY), form)}
    assert {"no_policy_drop_counter_total", "calico_policy_packets_total", "calico_policy_group_info"} <= names


def test_the_stock_page_survives_churn_without_overflow() -> None:
    live = 300
    policy = OpenTelemetryExposition(Resource.get_empty(), budget=1_000)
    for number in range(20):
        (text,) = policy.render(pods(live, offset=number * live), TextFormat.PROMETHEUS)
        assert sorted(samples(text.decode()).values()) == list(range(live))
        assert policy.reader.seen <= 1_000
    assert policy.reader.renewals > 3


def test_those_who_come_together_share_one_rendering() -> None:
    page = Exporters(ExportSettings("node-1"), Collector(Node(example()), freshness=30.0)).page
    assert page is not None
    pages: list[bytes] = []
    threads = [threading.Thread(target=lambda: pages.append(page.render(TextFormat.PROMETHEUS))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 20
    assert len({id(each) for each in pages}) == 1
    assert gzip.decompress(page.render(TextFormat.PROMETHEUS, gzipped=True)) == pages[0]


def test_a_new_scan_is_a_new_page() -> None:
    node = Node(example())
    page = Exporters(ExportSettings("node-1"), node.collector).page
    assert page is not None
    before = page.render(TextFormat.PROMETHEUS)
    node.show(*pods(2))
    after = page.render(TextFormat.PROMETHEUS)
    assert len(policy_samples(samples(before.decode()))) == 7
    assert len(policy_samples(samples(after.decode()))) == 3
