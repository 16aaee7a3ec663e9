"""The dashboards as they are committed and as the chart hands them to Grafana."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helm_python import HelmError

from monitoring import blocked_workload, dashboard_files
from tests.chart.release import manifests
from tests.monitoring import shown
from tests.monitoring.promtool import tell


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All but the rows' titles."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_committed_dashboards_are_up_to_date() -> None:
    committed = {file.name: file.read_text() for file in dashboard_files.FOLDER.iterdir()}
    assert committed == dashboard_files.dashboards(), "run: make monitoring"


def test_grafana_can_tell_dashboards_panels_and_queries_apart() -> None:
    dashboards = shown.files().values()
    assert len({dashboard["uid"] for dashboard in dashboards}) == len(dashboards)
    for dashboard in dashboards:
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert numbers == list(range(1, len(numbers) + 1))
        for panel in panels(dashboard):
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == list("ABCDEF"[: len(letters)])


def test_every_panel_says_what_it_shows_and_asks_the_chosen_prometheus() -> None:
    for dashboard in shown.files().values():
        for panel in panels(dashboard):
            assert panel["title"]
            assert panel["description"]
            for asked in (panel, *panel["targets"]):
                assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_no_panel_lies_on_another_or_beside_the_page() -> None:
    for dashboard in shown.files().values():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            covered = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert place["x"] + place["w"] <= 24
            assert not taken & covered
            taken |= covered


def test_links_lead_to_the_dashboard_with_variables_that_it_has() -> None:
    dashboard = shown.files()["blocked-workload.json"]
    known = {f"var-{variable['name']}=" for variable in dashboard["templating"]["list"]}
    overrides = [one for panel in panels(dashboard) for one in panel["fieldConfig"]["overrides"]]
    links = [link["url"] for one in overrides for each in one["properties"] if each["id"] == "links"
             for link in each["value"]]  # fmt: skip
    assert links
    for link in links:
        assert link.startswith(f"/d/{blocked_workload.UID}?")
        assert {part.partition("=")[0] + "=" for part in link.split("&") if part.startswith("var-")} <= known


@pytest.mark.slow
def test_panels_outlive_a_change_of_names(tmp_path: Path) -> None:
    """After a change of prometheus.naming both names of one target are in the time shown."""
    labels = (
        '{cluster="test",node="a",pod_namespace="shop",pod="web-0",app="web",ip="10.65.0.2",type="tw",policy="allow"}'
    )
    counters = ("no_policy_drop_counter", "policy_accept_counter", "policy_accept_drop_counter")
    # More than in the time before, and rewritten once: each panel has something to show.
    values = {"": "5x8 6 9 1 4", "_total": "_x10 10+1x20"}
    series = [
        {"series": f"{counter}{suffix}{labels}", "values": samples}
        for counter in counters
        for suffix, samples in values.items()
    ]
    asked = [query.promql for query in shown.panel_queries() if any(counter in query.promql for counter in counters)]
    answered = [{"labels": "{}", "value": 1}]
    tests = [{"expr": f"count({one}) > bool 0", "eval_time": "13s", "exp_samples": answered} for one in asked]
    assert tests
    (tmp_path / "rules.yml").write_text("groups: []")
    tell([{"interval": "1s", "input_series": series, "promql_expr_test": tests}], tmp_path, evaluated_each="1s")


def test_the_chart_hands_each_dashboard_to_the_sidecar_as_it_is() -> None:
    values = {"dashboards": {"enabled": True, "annotations": {"grafana_folder": "Calico"}}}
    maps = [one for one in manifests(values) if "grafana_dashboard" in one["metadata"]["labels"]]
    assert [one["metadata"]["annotations"] for one in maps] == [{"grafana_folder": "Calico"}] * 2
    handed = {name: json.loads(text) for one in maps for name, text in one["data"].items()}
    assert handed == shown.files()


def test_helm_refuses_alerts_and_thresholds_that_there_are_not() -> None:
    wrong: dict[str, Any] = {
        "NoSuchAlert": {"for": "1m"},
        "CalicoWorkloadDropsFrequent": {"for": "5 minutes"},
        "CalicoKeyPolicyQuiet": {"share": 2},
        "OtelCalicoDown": {"packets": 5},
    }
    for name, values in wrong.items():
        with pytest.raises(HelmError) as refused:
            manifests({"prometheusRule": {"enabled": True, "alerts": {name: values}}})
        assert name in str(refused.value)
