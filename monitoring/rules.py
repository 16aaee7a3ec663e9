"""The rule file for those without the Prometheus operator: what the chart's PrometheusRule holds.

The rules themselves stand in charts/otel-calico/rules.yaml, their thresholds in the chart's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "otel-calico"
FILE = ROOT / "config" / "prometheus-rules.yml"
AGGREGATES_FILE = ROOT / "config" / "prometheus-aggregates.yml"

EXAMPLE_POLICY = "shop/default.customers"
"""Stands where the user's key policies belong: without any, the chart leaves that alert out."""

_HEAD = f"""\
# Alerts and recording rules: add this file to `rule_files` of Prometheus (2.42 or later).
# Check changes with: promtool check rules config/prometheus-rules.yml
# Generated from the chart with its default thresholds: make monitoring. In place of {EXAMPLE_POLICY} name the policies
# whose silence would mean trouble; of several the pattern is `one|other`. Each alert is explained in docs/runbooks.
"""


_AGGREGATES_HEAD = """\
# Recording rules for large clusters, beside prometheus-rules.yml: sums over nodes and pods (docs/kubernetes.md).
# Generated from the chart: make monitoring.
"""


def groups(values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rule groups that real Helm renders with values of `prometheusRule`, as Prometheus reads them."""
    with Chart.load(CHART) as chart:
        rendered = chart.render(values={"prometheusRule": {**(values or {}), "enabled": True}})
    (text,) = (text for path, text in rendered.items() if path.endswith("/prometheusrule.yaml"))
    found: list[dict[str, Any]] = yaml.safe_load(text)["spec"]["groups"]
    return found


def alert_names() -> tuple[str, ...]:
    """All alerts that there are, switched on or off."""
    sections = yaml.safe_load((CHART / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return tuple(rule["alert"] for section in sections for rule in section["rules"] if "alert" in rule)


def rule_file() -> str:
    """config/prometheus-rules.yml."""
    key_policies = {"alerts": {"CalicoKeyPolicyQuiet": {"policies": [EXAMPLE_POLICY]}}}
    return _HEAD + as_yaml({"groups": groups(key_policies)})


def aggregates_file() -> str:
    """config/prometheus-aggregates.yml."""
    return _AGGREGATES_HEAD + as_yaml(
        {"groups": [one for one in groups({"aggregates": True}) if "aggregates" in one["name"]]}
    )


def as_yaml(content: Any) -> str:
    """YAML for people: keys in their order, expressions of several lines as such."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=116, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        return super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
