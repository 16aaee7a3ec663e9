"""The dashboards as files of the chart."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring import blocked_workload, own_state
from monitoring.rules import CHART

FOLDER = CHART / "dashboards"


def dashboards() -> dict[str, str]:
    """JSON by file name."""
    built = {"blocked-workload.json": blocked_workload.dashboard(), "otel-calico.json": own_state.dashboard()}
    return {name: _json(dashboard) for name, dashboard in built.items()}


def _json(dashboard: Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=1).encode(dashboard.build()) + "\n"
