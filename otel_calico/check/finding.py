"""One line of the preflight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """`WARN` is worth a look; `FAIL` keeps numbers from being reported."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it (empty where nothing is)."""

    level: Level
    subject: str
    text: str
    remedy: str = ""
