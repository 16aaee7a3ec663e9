"""What all dashboards share: time, data source, cluster, and how a variable is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from monitoring.panels import SOURCE, Shown

TAG = "otel-calico"
Part = Row | Shown
"""A row's title, or a panel below it."""
_ALL = VariableOption(selected=True, text="All", value="$__all")


def page(title: str, uid: str, description: str) -> Dashboard:
    """An empty dashboard for any Prometheus, and any cluster in it."""
    empty = Dashboard(title).uid(uid).description(description).tags([TAG]).time("now-3h", "now").refresh("1m")
    empty.tooltip(DashboardCursorSync.CROSSHAIR).with_variable(
        DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    empty.with_variable(choice("cluster", "Cluster", "otel_calico_build_info", "cluster"))
    others = DashboardLink("otel-calico").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return empty.link(others.include_vars(True).keep_time(True))  # noqa: FBT003 - the SDK's


def filled(whole: Dashboard, *sections: Iterable[Part]) -> Dashboard:
    """The dashboard with its rows and panels, in their order."""
    for number, part in enumerate(chain.from_iterable(sections), 1):
        part.id(number)
        if isinstance(part, Row):
            whole.with_row(part)
        else:
            whole.with_panel(part)
    return whole


def choice(name: str, label: str, selector: str, values_of: str) -> QueryVariable:
    """Values of a label to choose from, several or all; all is also what has no such label."""
    variable = QueryVariable(name).label(label).datasource(SOURCE).query(f"label_values({selector}, {values_of})")
    variable.include_all(True).all_value(".*").multi(True).current(_ALL)  # noqa: FBT003 - the SDK's
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
