"""The rows that a run prints, as a Markdown table, and the place of that table in a document."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MARKER = "<!-- benchmark -->"
_HEAD = ("| What | Measured | Against, same run | Ratio | Bar | Holds |", "|---|---|---|---|---|---|")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing. `ratio` and `against` are empty where the bar is a number, `bar` where there is none."""

    what: str
    measured: str
    bar: str = ""
    holds: bool | None = None
    against: str = ""
    ratio: float | None = None

    @property
    def line(self) -> str:
        """The row in Markdown."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        holds = {True: "yes", False: "**no**", None: ""}[self.holds]
        return f"| {self.what} | {self.measured} | {self.against} | {ratio} | {self.bar} | {holds} |"


def compared(what: str, samples: Sequence[float], name: str, others: Sequence[float], bar: float | None) -> Row:
    """A row of times in seconds against another time, `name`, measured in the same run; the bar is a multiple of it."""
    ratio = statistics.median(samples) / statistics.median(others)
    against = f"{name} {milliseconds(others)}"
    if bar is None:
        return Row(what, milliseconds(samples), against=against, ratio=ratio)
    return Row(what, milliseconds(samples), f"≤ {bar:g} times", ratio <= bar, against, ratio)


def milliseconds(samples: Sequence[float]) -> str:
    """The median of some seconds, and between what they lie."""
    low, middle, high = (f"{1e3 * value:.1f}" for value in (min(samples), statistics.median(samples), max(samples)))
    return f"{middle} ms ({low} to {high})"


def markdown(rows: Sequence[Row]) -> str:
    """The whole table, with a line on the machine."""
    return "\n".join([*_HEAD, *(row.line for row in rows), "", machine()])


def write(path: Path, table: str) -> None:
    """Put a table between the two markers of a document. Raises ValueError if it has none."""
    parts = path.read_text().split(_MARKER)
    if len(parts) != 3:
        raise ValueError(f"{path} needs {_MARKER} twice: before and after the table")
    path.write_text(_MARKER.join([parts[0], f"\n{table}\n", parts[2]]))


def quote(path: Path, table: str) -> None:
    """Renew the rows that a document quotes of a table, each told by what it is of."""
    rows = {_what(line): line for line in table.splitlines() if line.startswith("| ")}
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*(rows.get(_what(line), line) for line in lines), ""]))


def _what(line: str) -> str:
    return line.split(" | ", maxsplit=1)[0]


def progress(text: str) -> None:
    """Tell on standard error what is being measured."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """What was measured on, and how busy others kept it."""
    names = (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    today = dt.datetime.now(tz=dt.UTC).date()
    return (
        f"Measured on {today}: Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} CPUs"
        f" ({next(names, platform.machine())}), load average at the end {load}."
    )
