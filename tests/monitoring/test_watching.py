"""Dashboards and rules at work: real Prometheus and Alertmanager over otel-calico on nodes of different releases."""

from __future__ import annotations

import pytest

from monitoring import rules
from tests.monitoring import shown
from tests.monitoring.conftest import Watched

pytestmark = pytest.mark.slow

NEVER = {"otel-calico.json: Read without the lock", "otel-calico.json: Former backend in force"}
"""Panels of what does not happen here: files need no lock, and are of one backend."""

EXPECTED = {
    "CalicoWorkloadDropsFrequent",
    "OtelCalicoDown",
    "OtelCalicoNoChains",
    "OtelCalicoNamesUnknown",
    "OtelCalicoExportFailing",
}
"""What has to be told of this cluster; the others need days, or another trouble."""


def test_every_panel_shows_something_of_a_cluster_that_has_everything(watched: Watched) -> None:
    blank = {query for query in shown.panel_queries() if query.panel not in NEVER}

    def all_shown() -> bool:
        blank.difference_update([query for query in blank if watched.prometheus.query(query.promql)])
        return not blank

    try:
        watched.go_on_until(all_shown, "data for every panel")
    except TimeoutError:
        assert blank == set()
    never = [query for query in shown.panel_queries() if query.panel in NEVER]
    assert [watched.prometheus.query(query.promql) for query in never] == [{}] * len(NEVER)


def test_every_choice_has_values(watched: Watched) -> None:
    for where, selector, label in shown.choices():
        assert watched.prometheus.ask(f"label/{label}/values", **{"match[]": selector}), where


def test_nodes_are_told_apart_whichever_way_they_came(watched: Watched) -> None:
    (query,) = (query for query in shown.panel_queries() if query.panel == "blocked-workload.json: On which nodes")
    decided = watched.prometheus.query(query.promql)
    assert {dict(labels)["place"] for labels in decided} == set(watched.cluster.nodes)


def test_drops_of_all_nodes_are_in_one_number(watched: Watched) -> None:
    """All nodes have a pod of that name, and each has the same drops."""
    both = '{__name__=~"no_policy_drop_counter(_total)?",pod="web-0",type="tw"}'
    assert len(watched.prometheus.query(f"count by (instance) ({both})")) == len(watched.cluster.nodes) - 1


def test_prometheus_takes_every_rule_and_records_what_it_should(watched: Watched) -> None:
    told = [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in told if rule.get("lastError")] == []
    recorded = {rule["name"] for rule in told if rule["type"] == "recording"}
    watched.go_on_until(lambda: all(watched.prometheus.query(name) for name in recorded), f"{recorded}")
    assert {rule["name"] for rule in told if rule["type"] == "alerting"} == set(rules.alert_names())


def test_alertmanager_receives_what_has_to_be_told_and_nothing_else(watched: Watched) -> None:
    watched.go_on_until(lambda: watched.alertmanager.alerts().keys() >= EXPECTED, f"alerts {EXPECTED}")
    alerts = watched.alertmanager.alerts()
    assert alerts.keys() == EXPECTED
    down = alerts["OtelCalicoDown"]
    assert down["labels"]["node"] == "node-down"
    assert down["annotations"]["summary"] == "otel-calico on node-down does not answer"
    blind = alerts["OtelCalicoNoChains"]
    assert blind["annotations"] == {
        "summary": "No rules of Calico's to count on node-blind: no_calico_chains",
        "description": "Felix has written no chains there. If calico-node does not run, nothing on this node is "
        "policed. If it does, otel-calico looks at the wrong backend or network namespace. "
        "Run `otel-calico check` in the pod of that node.",
        "runbook_url": "https://git.example.com/runbooks/OtelCalicoNoChains.md",
    }
