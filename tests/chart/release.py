"""The chart as real Helm renders it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

CHART = Path(__file__).parents[2] / "charts" / "otel-calico"
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    **{file.stem.removesuffix("-values"): yaml.safe_load(file.read_text()) for file in sorted(CHART.glob("ci/*.yaml"))},
    "large-clusters": yaml.safe_load((CHART / "values-large-clusters.yaml").read_text()),
}
"""Values by name: the defaults, every file of the chart's ci/, and the values for large clusters."""

Manifest = dict[str, Any]


def render(values: Mapping[str, Any] | None = None, name: str = "otel-calico", namespace: str = "otel-calico") -> str:
    """All manifests of a release in one text. Raises HelmError with Helm's own message where it refuses."""
    with Chart.load(CHART) as chart:
        rendered = chart.render(values=dict(values or {}), name=name, namespace=namespace)
    return "\n".join(f"---\n{text}" for path, text in sorted(rendered.items()) if path.endswith(".yaml"))


def manifests(
    values: Mapping[str, Any] | None = None, name: str = "otel-calico", namespace: str = "otel-calico"
) -> list[Manifest]:
    """The manifests of a release, parsed."""
    return [one for one in yaml.safe_load_all(render(values, name, namespace)) if one]


def only(kind: str, among: list[Manifest]) -> Manifest:
    """The one manifest of a kind."""
    (found,) = (one for one in among if one["kind"] == kind)
    return found


def pods(among: list[Manifest]) -> list[Manifest]:
    """Specifications of all pods."""
    return [one["spec"]["template"]["spec"] if "template" in one["spec"] else one["spec"]
            for one in among if one["kind"] in {"DaemonSet", "Pod"}]  # fmt: skip


def documented_keys(values: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Dotted keys of all values and of the tables they stand in."""
    keys: set[str] = set()
    for name, value in values.items():
        keys.add(prefix + name)
        if isinstance(value, dict):
            keys |= documented_keys(value, f"{prefix}{name}.")
    return keys
