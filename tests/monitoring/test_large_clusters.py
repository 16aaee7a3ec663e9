"""What a large cluster keeps: sums over nodes and pods, and every series that alerts and records ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import rules
from tests.chart.release import manifests, only
from tests.monitoring.promtool import tell

LARGE = yaml.safe_load((rules.CHART / "values-large-clusters.yaml").read_text())
POD = 'pod_namespace="shop",app="web",type="tw"'
POLICY = (
    'calico_policy_name="shop/a",calico_policy_kind="NetworkPolicy",calico_policy_tier="default",'
    'calico_direction="ingress",calico_verdict="allow"'
)
_METRIC = re.compile(r"\b(?:no_policy|policy_accept|calico|otel_calico|process)_\w+|\bup\b")


def asked() -> set[str]:
    """Names of metrics in the rules, labels among them."""
    found = rules.groups({"aggregates": True, "alerts": {"CalicoKeyPolicyQuiet": {"policies": ["a"]}}})
    return {name for group in found for rule in group["rules"] for name in _METRIC.findall(rule["expr"])}


@pytest.mark.slow
def test_aggregates_are_sums_over_nodes_and_pods(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules.aggregates_file())
    nodes = [f'instance="node-{number}"' for number in range(3)]
    counters = {
        f"no_policy_drop_counter{{{POD}}}": "app:calico_unmatched_packets:rate5m",
        f'policy_accept_counter{{{POD},policy="a"}}': "app:calico_accepted_packets:rate5m",
        f'policy_accept_drop_counter{{{POD},policy="a"}}': "app:calico_denied_packets:rate5m",
        f"calico_policy_packets_total{{{POLICY}}}": "policy:calico_policy_packets:rate5m",
        'calico_node_dropped_packets_total{reason="other"}': "cluster:calico_node_dropped_packets:rate5m",
    }
    series, expected = [], []
    for counter, record in counters.items():
        _, _, labels = counter.partition("{")
        for node in nodes:
            series.append({"series": f'{counter[:-1]},pod="of-{node[-2]}",{node}}}', "values": "0+60x20"})
        samples = [{"labels": f"{record}{{{labels}", "value": 3}]
        expected.append({"expr": record, "eval_time": "15m", "exp_samples": samples})
    tell([{"interval": "1m", "input_series": series, "promql_expr_test": expected}], tmp_path)


@pytest.mark.parametrize("monitor", ["serviceMonitor", "podMonitor"])
def test_what_is_dropped_at_the_scrape_is_asked_for_by_no_rule(monitor: str) -> None:
    values: dict[str, Any] = {**LARGE, monitor: {**LARGE[monitor], "enabled": True}}
    spec = only(monitor[0].upper() + monitor[1:], manifests(values))["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    (drop,) = (one for one in endpoint["metricRelabelings"] if one["action"] == "drop")
    assert endpoint["interval"] == "60s"
    assert len(asked()) > 10
    assert [name for name in asked() if re.fullmatch(drop["regex"], name)] == []
