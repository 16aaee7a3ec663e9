"""Every row of a table has a cell under each heading."""

from __future__ import annotations

import pytest
from rich.console import Group
from rich.table import Table

from otel_calico.explain.counts import Amount, Count, Trust
from otel_calico.terminal.rows import Row
from otel_calico.terminal.table import report_table


def row(*, octets: int | None, moved: Amount | None) -> Row:
    return Row(
        endpoint="shop/web",
        interface="cali1",
        traffic="",
        direction="to",
        tier="default",
        policies=("default.web",),
        profile="",
        verdict="deny",
        reason="",
        count=Count(Amount(7, octets), Trust.EXACT, moved),
    )


@pytest.mark.parametrize("seconds", [0.0, 5.0])
@pytest.mark.parametrize("octets", [None, 700])
def test_a_row_whose_growth_is_not_known_has_as_many_cells_as_one_whose_growth_is(
    octets: int | None, seconds: float
) -> None:
    rows = [row(octets=octets, moved=None), row(octets=octets, moved=Amount(5, octets))]

    printed = report_table(rows, seconds)

    assert isinstance(printed, Group)
    table = printed.renderables[0]
    assert isinstance(table, Table)
    headings = ["PACKETS", "", *(["BYTES"] if octets else [])]
    rates = ["PACKETS/S", *(["BYTES/S"] if octets else [])] if seconds else []
    assert [column.header for column in table.columns][5:] == [*headings, *rates]
    unknown = ["-"] * len(rates)
    known = ["1.0", *(["140"] if octets else [])] if seconds else []
    bytes_cells = ["700"] if octets else []
    cells = [[str(cell) for cell in column.cells] for column in table.columns][5:]
    assert list(zip(*cells, strict=True)) == [
        ("7", "", *bytes_cells, *unknown),
        ("7", "", *bytes_cells, *known),
    ]
