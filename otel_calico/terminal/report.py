"""`otel-calico report`: a table of what the policies of this node decided."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from otel_calico.config import Settings
from otel_calico.explain.node_view import NodeView
from otel_calico.scanning.scan import Scan
from otel_calico.terminal.open_node import Node, NodeError, open_node
from otel_calico.terminal.output import console, show, show_error, show_json, show_notes, time_of_day, waiting
from otel_calico.terminal.rows import Selection, report_rows, unused_policies
from otel_calico.terminal.selecting import check_selection
from otel_calico.terminal.table import report_table, unused_table

OK, CANNOT_TELL = 0, 2
_WATCH_INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to show. `interval` is in seconds; 0 shows totals alone."""

    selection: Selection = field(default_factory=Selection)
    unused: bool = False
    interval: float = 0.0
    watch: bool = False
    output: Literal["table", "json"] = "table"


def run(settings: Settings, request: ReportRequest) -> int:
    """Print the report. Returns the exit code."""
    try:
        with open_node(settings) as node:
            scan = node.scan()
            show_notes(node.notes(scan))
            check_selection(node.view(scan), request.selection)
            return _watch(node, request, scan) if request.watch else _once(node, request, scan)
    except NodeError as error:
        show_error(error)
        return CANNOT_TELL
    except KeyboardInterrupt:
        return OK


def _once(node: Node, request: ReportRequest, scan: Scan) -> int:
    former = None
    if request.interval:
        with waiting(request.interval):
            time.sleep(request.interval)
        former, scan = scan, node.scan()
    view = node.view(scan, former)
    if request.output == "json":
        show_json(_as_json(view, request))
    else:
        show(_as_table(view, request))
    return OK


def _watch(node: Node, request: ReportRequest, scan: Scan) -> int:
    """Show the report again and again until told to stop: in place on a terminal, else one after another."""
    interval = request.interval or _WATCH_INTERVAL
    terminal = console()
    if not terminal.is_terminal:
        _follow(node, scan, interval, lambda view: show(_headed(view, request)))
        return OK
    with Live(
        Text("counting …"), console=terminal, screen=True, auto_refresh=False, vertical_overflow="ellipsis"
    ) as live:
        _follow(node, scan, interval, lambda view: live.update(_headed(view, request), refresh=True))
    return OK


def _follow(node: Node, former: Scan, interval: float, show_view: Callable[[NodeView], None]) -> None:
    while True:
        time.sleep(interval)
        scan = node.scan()
        show_view(node.view(scan, former))
        former = scan


def _headed(view: NodeView, request: ReportRequest) -> RenderableType:
    heading = f"{time_of_day(view.scan.taken)}, rates of the last {view.seconds:.1f} s; Ctrl-C ends"
    return Group(Text(heading, "dim"), Text(), _as_table(view, request), Text())


def _as_table(view: NodeView, request: ReportRequest) -> RenderableType:
    if request.unused:
        return unused_table(unused_policies(view, request.selection))
    selection = request.selection
    # Of the former tables nothing but drops is told, and those are the node's.
    in_force = None if selection.drops and selection.of_whole_node else view.in_force
    return report_table(report_rows(view, selection), view.seconds, drops=selection.drops, in_force=in_force)


def _as_json(view: NodeView, request: ReportRequest) -> object:
    if request.unused:
        return {"unused": unused_policies(view, request.selection)}
    return {"seconds": view.seconds, "rows": report_rows(view, request.selection)}
