"""Kinds of values: how the text of a setting is parsed and checked.

Flags, environment and YAML file all give text, so a value means the same wherever it stands. A parser raises
`ValueError` with the end of a sentence that begins with the value: `"99999" is out of range`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

from otel_calico.files import STANDARD_INPUT

T = TypeVar("T")
Name = TypeVar("Name", bound=str)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_YEAR = 365 * 24 * 3600.0  # seconds
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_TRUE = {"true", "t", "1", "yes", "y", "on"}
_FALSE = {"false", "f", "0", "no", "n", "off"}


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of value: `parse` reads its text, `show` writes it, `allowed` tells people what may be given, and is
    empty if anything may."""

    parse: Callable[[str], T]
    allowed: str
    show: Callable[[T], str] = str


def _first(given: str) -> str:
    first = given.split(",", maxsplit=1)[0].strip()
    if not first:
        raise ValueError("has an empty first entry")
    return first


def is_file(path: Path) -> bool:
    """True for a file that this user can find; `Path.is_file` raises where a folder on the way may not be entered."""
    try:
        return path.is_file()
    except OSError:
        return False


def _existing_file(given: str) -> str:
    try:
        if Path(given).is_file():
            return given
        raise ValueError("is a directory" if Path(given).is_dir() else "does not exist")
    except OSError as error:
        raise ValueError(f"cannot be reached: {error.strerror}") from None


def _existing_directory(given: str) -> str:
    try:
        if Path(given).is_dir():
            return given
    except OSError as error:
        raise ValueError(f"cannot be reached: {error.strerror}") from None
    raise ValueError("is no directory")


def _file_or_stdin(given: str) -> str:
    try:
        return given if given == STANDARD_INPUT or Path(given).is_fifo() else _existing_file(given)
    except OSError as error:
        raise ValueError(f"cannot be reached: {error.strerror}") from None


def _pem(given: str) -> str:
    if not given.lstrip().startswith("-----BEGIN "):
        raise ValueError("is no PEM text")
    return given


def _boolean(given: str) -> bool:
    word = given.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("is neither true nor false")
    return word in _TRUE


def _only_true_or_false(given: str) -> bool:
    if given.strip().lower() not in {"true", "false"}:
        raise ValueError("is neither true nor false")
    return _boolean(given)


def _show_boolean(value: bool) -> str:  # noqa: FBT001 - the one argument of a `show`
    return str(value).lower()


def _number(given: str) -> float:
    if not _NUMBER.fullmatch(given.strip()):
        raise ValueError("is no number")
    return float(given)


def _milliseconds(given: str) -> float:
    if not given.strip().isdecimal() or int(given) == 0:
        raise ValueError("is no positive whole number")
    return _at_most_a_year(int(given) / 1000)


def _at_most_a_year(seconds: float) -> float:
    """Waits of centuries are more than Python can do."""
    if seconds > _YEAR:
        raise ValueError("is longer than a year")
    return seconds


def _show_duration(seconds: float) -> str:
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds / 1000 == seconds else f"{seconds!r}s"


def _address(given: str) -> str:
    host = given.strip().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if _HOST_NAME.fullmatch(host) and not host.replace(".", "").isdecimal():
            return host
        raise ValueError("is no address") from None


def split_list(given: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in given.split(",") if part.strip())
    if not parts:
        raise ValueError("is an empty list")
    return parts


def _attributes(given: str) -> tuple[tuple[str, str], ...]:
    pairs = [pair.partition("=") for pair in split_list(given)]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("has a part that is not name=value")
    return tuple((unquote(name.strip()), unquote(value.strip())) for name, _, value in pairs)


def _show_attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


def whole(low: int, high: int | None = None) -> Kind[int]:
    """Whole numbers of a range, both ends included."""

    def parse(given: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", given.strip(), re.ASCII):
            raise ValueError("is no whole number")
        if int(given) < low or (high is not None and int(given) > high):
            raise ValueError("is out of range")
        return int(given)

    return Kind(parse, f"a whole number from {low}" + (f" to {high}" if high is not None else ""))


def duration(*, zero: bool = False) -> Kind[float]:
    """Seconds, written with or without a unit."""

    def parse(given: str) -> float:
        match = _DURATION.fullmatch(given.strip())
        if not match:
            raise ValueError("is no duration")
        seconds = float(match[1]) / 1000 if match[2] == "ms" else float(match[1]) * _UNITS[match[2] or "s"]
        if seconds == 0 and not zero:
            raise ValueError("is not more than 0")
        return _at_most_a_year(seconds)

    return Kind(parse, "a duration such as 500ms, 5s, 1m or 2.5 (seconds)" + (", or 0" if zero else ""), _show_duration)


def choice(*names: Name) -> Kind[Name]:
    """One of some names, in any case."""
    by_lower = {name.lower(): name for name in names}

    def parse(given: str) -> Name:
        if given.strip().lower() not in by_lower:
            raise ValueError("is unknown")
        return by_lower[given.strip().lower()]

    return Kind(parse, ", ".join(names))


def choices(*names: Name) -> Kind[tuple[Name, ...]]:
    """A comma list of some names, each once."""
    one = choice(*names)

    def parse(given: str) -> tuple[Name, ...]:
        for part in split_list(given):
            try:
                one.parse(part)
            except ValueError:
                raise ValueError(f'names the unknown "{part}"' if part != given else "is unknown") from None
        return tuple(dict.fromkeys(one.parse(part) for part in split_list(given)))

    return Kind(parse, f"a comma list of {one.allowed}", ",".join)


text = Kind(str.strip, "")
verbatim = Kind(str, "")
first_of_list = Kind(_first, "a name, or a comma list of which the first counts")
existing_file = Kind(_existing_file, "a file that exists")
existing_directory = Kind(_existing_directory, "a directory")
file_or_stdin = Kind(_file_or_stdin, f"a file, or {STANDARD_INPUT} for standard input")
path = Kind(str.strip, "")
pem = Kind(_pem, "PEM text")
boolean = Kind(_boolean, "true or false", _show_boolean)
only_true_or_false = Kind(_only_true_or_false, "true or false", _show_boolean)
number = Kind(_number, "a number from 0")
milliseconds = Kind(_milliseconds, "a whole number of milliseconds from 1", lambda value: f"{value * 1000:.0f}")
port = whole(0, 65535)
address = Kind(_address, "an IP address or host name")
names = Kind(split_list, "a comma list", ",".join)
attributes = Kind(
    _attributes, "name=value pairs joined with commas, special characters percent-encoded", _show_attributes
)
