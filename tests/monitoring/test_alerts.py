"""Alerts fire when somebody should look, and at no other time: stories in alerts/, told to promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import rules
from tests.node.programs import find_program

STORIES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
RUNBOOKS = rules.ROOT / "docs" / "runbooks"
VALUES = yaml.safe_load((rules.CHART / "values.yaml").read_text())["prometheusRule"]


def alerts(values: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Rendered alerts by name."""
    return {rule["alert"]: rule for group in rules.groups(values) for rule in group["rules"] if "alert" in rule}


def promtool(*arguments: str, folder: Path) -> None:
    """Run a check of rules. Fails with all that it says."""
    command = [find_program("promtool"), *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


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
            "OtelCalicoDown": {"job": r"team: \\d+: #1"},
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


def test_no_key_policies_no_alert_about_them() -> None:
    assert set(VALUES["alerts"]) - set(alerts()) == {"CalicoKeyPolicyQuiet"}


def test_no_placeholder_is_left_in_the_rules() -> None:
    assert "${" not in rules.rule_file()


def test_the_plain_rule_file_is_up_to_date_and_prometheus_takes_it() -> None:
    assert rules.FILE.read_text() == rules.rule_file(), "run: make monitoring"
    promtool("check", "rules", str(rules.FILE), folder=rules.ROOT)
