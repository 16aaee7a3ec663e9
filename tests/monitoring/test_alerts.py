"""Alerts fire when somebody should look, and at no other time: stories in alerts/, told to promtool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import rules
from tests.monitoring.promtool import promtool, tell

pytestmark = pytest.mark.slow

STORIES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
RUNBOOKS = rules.ROOT / "docs" / "runbooks"
VALUES = yaml.safe_load((rules.CHART / "values.yaml").read_text())["prometheusRule"]


def alerts(values: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Rendered alerts by name."""
    return {rule["alert"]: rule for group in rules.groups(values) for rule in group["rules"] if "alert" in rule}


def write_rules(folder: Path, values: dict[str, Any]) -> None:
    """What the chart makes of these values of its alerts, as rules.yml."""
    (folder / "rules.yml").write_text(rules.as_yaml({"groups": rules.groups({"alerts": values})}))


def firing(alert: str, labels: str, at: str, *, fires: bool = True) -> dict[str, Any]:
    """That the alert of these labels, and no other of its name, fires at the time; or that none does."""
    named = f'ALERTS{{alertname="{alert}",alertstate="firing"'
    samples = [{"labels": f'{named},severity="warning",{labels}}}', "value": 1}] if fires else []
    return {"expr": f"{named}}}", "eval_time": at, "exp_samples": samples}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_alerts_fire_and_stay_silent_as_their_stories_say(story: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules.FILE.read_text())
    (tmp_path / story.name).write_text(story.read_text())
    promtool("test", "rules", story.name, folder=tmp_path)


def test_every_alert_has_a_story_a_page_and_its_values() -> None:
    named = set(alerts({"alerts": {"CalicoKeyPolicyQuiet": {"policies": ["a"]}}}))
    told = "\n".join(story.read_text() for story in STORIES)
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert named == set(VALUES["alerts"]) == pages == {name for name in named if name in told}


def test_every_alert_says_what_to_do_how_bad_it_is_and_where_to_read_on() -> None:
    for name, rule in alerts({"runbookBaseUrl": "https://git.example.com/runbooks/"}).items():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"https://git.example.com/runbooks/{name}.md"
        assert rule["labels"] == {"severity": VALUES["alerts"][name]["severity"]}


def test_thresholds_of_the_values_stand_in_the_rules(tmp_path: Path) -> None:
    changed = alerts({
        "alertLabels": {"team": "network"},
        "alerts": {
            "CalicoWorkloadDropsFrequent": {"packets": 1000000, "window": "7m", "for": "1m", "keepFiringFor": "0m"},
            "CalicoKeyPolicyQuiet": {"policies": ["shop/default.a+b", "default.c"], "share": 0.75},
            "OtelCalicoDown": {"job": r"team: \d+: #1"},
            "OtelCalicoAbsent": {"enabled": False},
        },
    })  # fmt: skip
    frequent, quiet = changed["CalicoWorkloadDropsFrequent"], changed["CalicoKeyPolicyQuiet"]
    assert "[7m]" in frequent["expr"]
    assert frequent["expr"].endswith(">= 1e+06")
    assert frequent["for"] == "1m"
    assert "keep_firing_for" not in frequent
    assert frequent["labels"] == {"severity": "warning", "team": "network"}
    assert r'calico_policy_name=~"shop/default\\.a\\+b|default\\.c"' in quiet["expr"]
    assert ">= 0.75 *" in quiet["expr"]
    assert r'up{job=~"team: \\d+: #1"}' in changed["OtelCalicoDown"]["expr"]
    assert "OtelCalicoAbsent" not in changed
    (tmp_path / "rules.yml").write_text(rules.as_yaml({"groups": [{"name": "changed", "rules": [*changed.values()]}]}))
    promtool("check", "rules", "rules.yml", folder=tmp_path)


def test_backslashes_and_quotes_of_values_reach_prometheus_as_they_are(tmp_path: Path) -> None:
    write_rules(tmp_path, {
        "OtelCalicoDown": {"job": r'kube\.otel-calico "\d+"'},
        "CalicoKeyPolicyQuiet": {"policies": ['shop/default."a"+b', r"default.c\d"], "for": "0m"},
    })  # fmt: skip
    promtool("check", "rules", "rules.yml", folder=tmp_path)
    meant, other = r'job="kube.otel-calico \"12\""', r'job="kubeXotel-calico \"12\""'
    down = {
        "input_series": [{"series": f"up{{{job}}}", "values": "0x30"} for job in (meant, other)],
        "promql_expr_test": [firing("OtelCalicoDown", meant, "25m")],
    }
    policies = [r'calico_policy_name="shop/default.\"a\"+b"', r'calico_policy_name="shop/default.\"aa\"b"']
    counters = [f'calico_policy_packets_total{{{policy},calico_verdict="allow"}}' for policy in policies]
    quiet = {
        "input_series": [{"series": counter, "values": "0+60x1440 86400x60"} for counter in counters],
        "promql_expr_test": [firing("CalicoKeyPolicyQuiet", policies[0], "24h40m")],
    }
    tell([{"interval": "1m", **story} for story in (down, quiet)], tmp_path)


@pytest.mark.parametrize(("window", "fires"), [("4m", True), ("3m", False)])
def test_a_window_of_two_scrape_intervals_is_enough_and_a_shorter_one_is_not(
    *, window: str, fires: bool, tmp_path: Path
) -> None:
    write_rules(tmp_path, {"CalicoWorkloadDropsFrequent": {"window": window}})
    pod = 'pod_namespace="shop",pod="web-0",ip="10.65.0.2",type="tw"'
    drops = {"series": f"no_policy_drop_counter{{{pod}}}", "values": "0+200x30"}
    story = {
        "interval": "2m",
        "input_series": [drops],
        "promql_expr_test": [firing("CalicoWorkloadDropsFrequent", pod, "1h", fires=fires)],
    }
    tell([story], tmp_path, evaluated_each="30s")


def test_without_an_address_of_runbooks_alerts_name_none() -> None:
    for rule in alerts({"runbookBaseUrl": ""}).values():
        assert set(rule["annotations"]) == {"summary", "description"}


def test_no_key_policies_no_alert_about_them() -> None:
    assert set(VALUES["alerts"]) - set(alerts()) == {"CalicoKeyPolicyQuiet"}


def test_no_placeholder_is_left_in_the_rules() -> None:
    assert "${" not in rules.rule_file()


def test_the_plain_rule_file_is_up_to_date_and_prometheus_takes_it() -> None:
    assert rules.FILE.read_text() == rules.rule_file(), "run: make monitoring"
    assert rules.AGGREGATES_FILE.read_text() == rules.aggregates_file(), "run: make monitoring"
    for file in (rules.FILE, rules.AGGREGATES_FILE):
        promtool("check", "rules", str(file), folder=rules.ROOT)
