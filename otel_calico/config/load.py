"""Loads the settings from flags, environment and YAML file, and checks them as a whole."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from otel_calico.config.automatic import decide
from otel_calico.config.contradictions import contradictions
from otel_calico.config.given import CONFIG_VARIABLE, Given, from_environment, from_flags, unknown_variables
from otel_calico.config.kinds import is_file
from otel_calico.config.problems import ConfigError, shown
from otel_calico.config.settings import OPTIONS, Settings

DEFAULT_FILE = Path("/etc/otel-calico/otel-calico.yaml")

_Reading = tuple[dict[str, Given], list[str]]


def settings_file(flag: str | None, environ: Mapping[str, str], default: Path = DEFAULT_FILE) -> Path | None:
    """The YAML file to read: the one asked for, else the default if there is one."""
    asked = flag or environ.get(CONFIG_VARIABLE)
    if asked:
        return Path(asked)
    return default if is_file(default) else None


def load(
    environ: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
    file: Path | None = None,
    hostname: Callable[[], str] = socket.gethostname,
) -> Settings:
    """All settings. `flags` are texts by key (`prometheus.port`); `file` must exist if given.

    Raises ConfigError with every problem found: unknown keys and variables, bad values, contradictions.
    """
    given, problems = _gather(environ, flags or {}, file)
    values, bad_values = _parse(given)
    problems += bad_values
    settings = decide(_assemble(values), given, environ, hostname)
    if not settings.node.name:
        problems.append("node.name: nothing names this node; set NODENAME or --node-name")
    problems += contradictions(settings, given)
    if problems:
        raise ConfigError(problems)
    return settings


def _gather(environ: Mapping[str, str], flags: Mapping[str, str], file: Path | None) -> _Reading:
    """What every source gives; a later `|` wins."""
    in_file, problems = _attempt(file)
    problems = [*unknown_variables(OPTIONS, environ), *problems]
    first = in_file | from_environment(OPTIONS, environ, calico_variables=True) | from_flags(OPTIONS, flags)
    calico_file = first.get("datastore.config_file")
    if calico_file is None or not is_file(Path(calico_file.text)):
        return first, problems
    in_calico_file, more = _attempt(Path(calico_file.text), calico=True)
    given = in_calico_file | in_file | from_environment(OPTIONS, environ, calico_variables=False)
    return given | from_flags(OPTIONS, flags), problems + more


def _attempt(file: Path | None, *, calico: bool = False) -> _Reading:
    """A file of ours or of calicoctl's. One that cannot be read at all is one problem among the others."""
    if file is None:
        return {}, []
    from otel_calico.config import yaml_file  # noqa: PLC0415 - 1 MB that a service without a file need not have

    read = yaml_file.read_calico if calico else yaml_file.read_settings
    try:
        return read(file, OPTIONS)
    except ConfigError as error:
        return {}, list(error.problems)


def _parse(given: Mapping[str, Given]) -> tuple[dict[str, Any], list[str]]:
    values = {}
    problems = []
    for option in OPTIONS:
        if option.key not in given:
            continue
        text, source, kind = given[option.key].text, given[option.key].source, given[option.key].kind
        try:
            values[option.key] = kind.parse(_utf8(text))
        except ValueError as error:
            value = "the value" if option.secret else shown(text)
            allowed = f"; allowed: {kind.allowed}" if kind.allowed else ""
            problems.append(f"{source}: {value} {error}{allowed}")
    return values, problems


def _utf8(text: str) -> str:
    """The text. Raises ValueError: bytes that are no characters can be neither shown nor sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is no UTF-8") from None
    return text


def _assemble(values: Mapping[str, Any]) -> Settings:
    groups = {}
    for section in fields(Settings):
        prefix = f"{section.name}."
        chosen = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
        groups[section.name] = type(getattr(_DEFAULTS, section.name))(**chosen)
    return Settings(**groups)


_DEFAULTS = Settings()
