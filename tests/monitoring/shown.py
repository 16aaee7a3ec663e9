"""What a dashboard asks, with Grafana's variables filled in as Grafana does for somebody who chose nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitoring import dashboard_files

WINDOW = "5s"
"""In place of minutes and hours: the cluster of the tests moves every second."""

_VARIABLES = {"$__rate_interval": WINDOW, "$__range": WINDOW}
_CHOICES = ("$cluster", "$namespace", "$pod", "$policy")
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)")


def files() -> dict[str, dict[str, Any]]:
    """The committed dashboards by file name."""
    return {file.name: json.loads(file.read_text()) for file in sorted(dashboard_files.FOLDER.glob("*.json"))}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel."""

    panel: str
    promql: str


def panel_queries() -> Iterator[Asked]:
    """All queries of all panels."""
    for name, dashboard in files().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield Asked(f"{name}: {panel['title']}", filled(target["expr"]))


def choices() -> Iterator[tuple[str, str, str]]:
    """Variables that are chosen from values: where, selector and label."""
    for name, dashboard in files().items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                found = _LABEL_VALUES.fullmatch(variable["query"])
                assert found, variable["query"]
                yield f"{name}: {variable['name']}", filled(found["selector"]), found["label"]


def filled(promql: str) -> str:
    """Without variables. Of all values, `All` is `.*`."""
    for variable in _CHOICES:
        promql = promql.replace(variable, ".*")
    for variable, value in _VARIABLES.items():
        promql = promql.replace(variable, value)
    return promql
