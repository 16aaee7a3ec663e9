"""The few kinds of panel that the dashboards use: half as wide as the page unless `.span()` says otherwise (of 24)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard, prometheus

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
PER_SECOND = "pps"
Shown = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel
LEAST_STEP = "1m"
"""Rates look at four times as much, which is enough for scrapes and for OTLP's interval of a minute."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called in a legend."""

    promql: str
    legend: str = ""


def number(
    title: str, meaning: str, query: Query, *, unit: str = PER_SECOND, bad_from: float | None = None
) -> stat.Panel:
    """One number as it is now; red from `bad_from` up."""
    panel = stat.Panel().title(title).description(meaning).datasource(SOURCE).span(6).height(4).unit(unit)
    steps = [dashboard.Threshold(color="green")]
    if bad_from is not None:
        steps.append(dashboard.Threshold(color="red", value=bad_from))
    panel.thresholds(dashboards.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).no_value("-")
    return panel.with_target(_over_time(query))


def lines(title: str, meaning: str, *queries: Query, unit: str = PER_SECOND) -> timeseries.Panel:
    """Values over time."""
    panel = timeseries.Panel().title(title).description(meaning).datasource(SOURCE).span(12).height(8).unit(unit)
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE).show_legend(True)  # noqa: FBT003 - the SDK's
    legend.placement(common_models.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(True)  # noqa: FBT003 - the SDK's
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    panel.legend(legend).tooltip(tooltip.sort(common_models.SortOrder.DESCENDING)).min(0).fill_opacity(10)
    return panel.targets([_over_time(query, letter) for query, letter in zip(queries, "ABCDEF", strict=False)])


def bars(title: str, meaning: str, query: Query, *, unit: str = "short") -> bargauge.Panel:
    """The largest of many in the time shown."""
    panel = bargauge.Panel().title(title).description(meaning).datasource(SOURCE).span(12).height(8).unit(unit)
    panel.orientation(common_models.VizOrientation.HORIZONTAL).display_mode(common_models.BarGaugeDisplayMode.BASIC)
    return panel.with_target(_now(query))


def rows(title: str, meaning: str, query: Query, columns: Mapping[str, str], *, unit: str = "short") -> table.Panel:
    """A table of label values with the value last. `columns` are titles by label, and by `Value`."""
    panel = table.Panel().title(title).description(meaning).datasource(SOURCE).span(12).height(8)
    order = {name: place for place, name in enumerate([*columns, "Value"])}
    options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": dict(columns)}
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))
    panel.override_by_name(columns.get("Value", "Value"), [dashboard.DynamicConfigValue("unit", unit)])
    return panel.with_target(_now(query).format(prometheus.PromQueryFormat.TABLE))


def link(address: str) -> list[dashboard.DynamicConfigValue]:
    """What makes the cells of a column lead to an address."""
    return [dashboard.DynamicConfigValue("links", [{"title": "Show only this", "url": address}])]


def _over_time(query: Query, letter: str = "A") -> prometheus_builders.Dataquery:
    return _target(query, letter).range()


def _now(query: Query) -> prometheus_builders.Dataquery:
    return _target(query, "A").instant()


def _target(query: Query, letter: str) -> prometheus_builders.Dataquery:
    target = prometheus_builders.Dataquery().ref_id(letter).expr(query.promql).datasource(SOURCE).interval(LEAST_STEP)
    return target.legend_format(query.legend) if query.legend else target
