"""Output of the commands: tables and text for people, JSON for programs."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from rich.console import Console, RenderableType

_WIDE = 100_000
"""Columns where nobody looks: a pipe takes whole lines."""


def printable(text: str) -> str:
    """The text with all that could steer a terminal spelt out: names may come from files that strangers sent."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def console() -> Console:
    """Standard output."""
    return Console(highlight=False, soft_wrap=False)


def show(renderable: RenderableType) -> None:
    """Print, coloured and fitted on a terminal; elsewhere plain, whole lines without padding."""
    terminal = console()
    if terminal.is_terminal:
        terminal.print(renderable)
        return
    text = io.StringIO()
    Console(file=text, width=_WIDE, highlight=False, color_system=None).print(renderable)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()))
    sys.stdout.flush()


def show_json(value: object) -> None:
    """Print dataclasses, enums and builtins as JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def show_notes(notes: Sequence[str]) -> None:
    """Tell on standard error what is missing."""
    for note in notes:
        sys.stderr.write(f"Note: {printable(note)}\n")
    sys.stderr.flush()


def show_error(error: Exception) -> None:
    """Tell on standard error, in one line, why there is nothing to show."""
    sys.stderr.write(f"Error: {printable(str(error))}\n")


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Say on a terminal that counters are being watched."""
    with Console(stderr=True).status(f"counting for {seconds:g} s …"):
        yield


def time_of_day(taken: float) -> str:
    """A Unix time as people here read it."""
    return datetime.fromtimestamp(taken, UTC).astimezone().strftime("%H:%M:%S")
