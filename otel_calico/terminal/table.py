"""The rows of `report` as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.explain.counts import Count, Trust
from otel_calico.explain.path import PolicyTotals
from otel_calico.terminal.output import printable
from otel_calico.terminal.rows import DROPPING, Row

MARKS = {Trust.EXACT: "", Trust.COMPUTED: "~", Trust.SHARED: "*", Trust.UNRELIABLE: "?"}
_LEGEND = {
    Trust.COMPUTED: "~ worked out from several rules: true unless Felix rewrote only some of them",
    Trust.SHARED: "* all endpoints of this node together: only that is counted",
    Trust.UNRELIABLE: "? not reliable: Felix rewrote only some of the rules it is worked out from; try --interval",
}
_STYLES = {"allow": "green", "pass": "cyan"}


def report_table(
    rows: Sequence[Row], seconds: float = 0.0, *, drops: bool = False, in_force: TablesInForce | None = None
) -> RenderableType:
    """The rows, and what their marks mean. With `seconds` also what moved in that time, for each second.

    `drops` says that others than drops were left out, `in_force` tells of former tables.
    """
    if not rows:
        verdicts = "dropped or denied" if drops else "accepted, denied, passed on or dropped"
        aside = f" {in_force.aside}" if in_force else ""
        return Text(f"Nothing is counted as {verdicts}.{aside}")
    table = _table("WORKLOAD", "DIRECTION", "TIER", "POLICY", "VERDICT")
    counts_bytes = any(row.count.total.bytes is not None for row in rows)
    headings = ("PACKETS", "", *(("BYTES",) if counts_bytes else ()))
    rates = ("PACKETS/S", *(("BYTES/S",) if counts_bytes else ())) if seconds else ()
    for heading in (*headings, *rates):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for row in rows:
        style = "red" if row.verdict in DROPPING else _STYLES[row.verdict]
        cells = (_endpoint(row), row.direction, row.tier, _decided_by(row))
        total = row.count.total
        octets = () if total.bytes is None else (f"{total.bytes:,}",)
        numbers = (f"{total.packets:,}", MARKS[row.count.trust], *octets, *_rates(row.count, seconds))
        table.add_row(*map(_cell, cells), Text(row.verdict, style), *map(Text, numbers))
    return Group(table, *legend({row.count.trust for row in rows}))


def unused_table(policies: Sequence[PolicyTotals]) -> RenderableType:
    """Policies that decided nothing."""
    if not policies:
        return Text("Every policy of this node has been used.")
    table = _table("POLICY", "KIND", "DIRECTION", "NOTE")
    for policy in policies:
        note = "" if policy.verdicts else "has no rules: what it selects is dropped at the end of its tier"
        table.add_row(*map(_cell, (policy.name, policy.kind, policy.direction.value, note)))
    return table


def legend(trusts: set[Trust]) -> list[Text]:
    """What the marks in use mean, after an empty line."""
    lines = [Text(text, "dim") for trust, text in _LEGEND.items() if trust in trusts]
    return [Text(), *lines] if lines else []


def rate(packets: int, seconds: float) -> str:
    """Per second, short: `0`, `0.2`, `1,234`."""
    value = packets / seconds
    return f"{value:,.1f}" if 0 < value < 10 else f"{value:,.0f}"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _cell(text: str) -> Text:
    return Text(printable(text))


def _endpoint(row: Row) -> str:
    if not row.endpoint:
        return "(whole node)"
    return f"{row.endpoint} ({row.traffic})" if row.traffic else row.endpoint


def _decided_by(row: Row) -> str:
    if row.policies:
        return ", ".join(row.policies)
    return f"profile {row.profile}" if row.profile else f"({row.reason.replace('_', ' ')})"


def _rates(count: Count, seconds: float) -> tuple[str, ...]:
    if not seconds:
        return ()
    if count.moved is None:
        return ("-",) if count.total.bytes is None else ("-", "-")
    octets = () if count.moved.bytes is None else (rate(count.moved.bytes, seconds),)
    return rate(count.moved.packets, seconds), *octets
