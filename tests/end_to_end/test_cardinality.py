"""The settings that choose series, as users give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.cluster import felix_node
from tests.end_to_end.resources import datastore
from tests.end_to_end.test_offline import saved
from tests.felix import Era, render
from tests.node.service import Metrics, Service

LAST_HIT = "calico_policy_last_hit_time_seconds"
OWN = ("otel_calico_", "process_", "target_info", "calico_accountant_dropped_scrape")


@pytest.fixture
def arguments(tmp_path: Path) -> tuple[str, ...]:
    ruleset, export = tmp_path / "rules.txt", tmp_path / "etcd.txt"
    ruleset.write_text(saved(render(felix_node(Era.E))))
    export.write_text("".join(f"{key}\n{value}\n" for key, value in datastore(Era.E).items()))
    return "--ruleset", str(ruleset), "--datastore-file", str(export)


def scraped(arguments: tuple[str, ...], **settings: str) -> tuple[Metrics, str]:
    env = {f"OTEL_CALICO_METRICS_{name.upper()}": value for name, value in settings.items()}
    with Service(env, *arguments) as service:
        service.start()
        return service.scrape(), service.log


def policy_series(page: Metrics) -> Metrics:
    return {name: series for name, series in page.items() if not name.startswith(OWN)}


def count(page: Metrics) -> int:
    return sum(map(len, policy_series(page).values()))


@pytest.mark.slow
def test_a_limit_is_kept_and_says_what_it_left_out(arguments: tuple[str, ...]) -> None:
    whole, quiet = scraped(arguments)
    limited, log = scraped(arguments, series_limit="20")
    assert count(limited) == 20
    left_out = {dict(labels)["metric"]: value for labels, value in limited["otel_calico_series_left_out"].items()}
    assert left_out == {
        name: len(series) - len(limited.get(name, {}))
        for name, series in policy_series(whole).items()
        if len(series) > len(limited.get(name, {}))
    }
    assert "otel_calico_series_left_out" not in whole
    assert "series_limit_reached" in log
    assert "series_limit_reached" not in quiet


@pytest.mark.slow
def test_namespaces_and_labels_choose_workloads_and_zeros_are_left_out(arguments: tuple[str, ...]) -> None:
    whole, _ = scraped(arguments)
    chosen, _ = scraped(arguments, pod_selector="app in (web, other),!canary", exclude_namespaces="kube-*")
    pods = {dict(labels)["pod"] for labels in whole["policy_accept_counter"]}
    assert pods == {"web-0", "client-0"}
    assert {dict(labels)["pod"] for labels in chosen["policy_accept_counter"]} == {"web-0"}
    assert chosen["calico_policy_packets_total"] == whole["calico_policy_packets_total"]
    nobody, _ = scraped(arguments, include_namespaces="shop")
    assert "policy_accept_counter" not in nobody
    assert nobody["otel_calico_interfaces_without_workload"] == {frozenset(): 0}
    moved, _ = scraped(arguments, omit_zero_series="true")
    assert policy_series(moved) == {
        name: {labels: value for labels, value in series.items() if value or name == LAST_HIT}
        for name, series in policy_series(whole).items()
        if any(series.values()) or name == LAST_HIT
    }
