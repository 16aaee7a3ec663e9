"""Markdown tables, and their place in a document of the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.table import machine, progress

__all__ = ["markdown", "progress", "write"]

_MARKER = "<!-- table of {name} -->"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line on the machine that it was made on."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(["| " + " | ".join(map(_cell, line)) + " |" for line in lines] + ["", machine()])


def write(path: Path, name: str, table: str) -> None:
    """Put a table between the two markers of its name in a document. Raises ValueError if they are not there."""
    marker = _MARKER.format(name=name)
    parts = path.read_text().split(marker)
    if len(parts) != 3:
        raise ValueError(f"{path} needs {marker} twice: before and after the table")
    path.write_text(marker.join([parts[0], f"\n{table}\n", parts[2]]))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
