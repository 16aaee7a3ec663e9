"""Loads the settings of a command from its flags, or reports what is wrong with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import click

from otel_calico.cli.options import CommandParameters
from otel_calico.config import ConfigError, Settings, load, settings_file

_OF_A_CLUSTER = ("CALICO_", "DATASTORE_", "ETCD_", "FELIX_", "K8S_", "KUBE")
_OF_SAVED_FILES = ("FELIX_INTERFACEPREFIX",)  # how its node named the interfaces of pods, which no file tells


class BadSettings(click.ClickException):
    """Ends the command with the problem, or the list of them, and exit code 2."""

    exit_code = 2

    def __init__(self, error: ConfigError) -> None:
        several = len(error.problems) > 1
        super().__init__(f"{error}\nAll settings are in docs/configuration.md." if several else str(error))


def load_settings(parameters: CommandParameters, *, on_a_node: bool) -> Settings:
    """The command's settings, with the log set up as they say. Ends the command if they cannot be used.

    Away from a node only a settings file that was asked for is read, and what the environment says of a Calico cluster
    is not meant, except where it helps to read what was saved.
    """
    with _without_rich():
        from otel_calico import logs  # noqa: PLC0415 - structlog is not needed for help

    flags = {key.replace("__", "."): text for key, text in parameters.items() if text is not None}
    asked: str | None = flags.pop("config", None)
    environ = dict(os.environ)
    if not on_a_node:
        left_out = {name for name in environ if name.startswith(_OF_A_CLUSTER) and name not in _OF_SAVED_FILES}
        environ = {name: text for name, text in environ.items() if name not in left_out}
    named = Path(asked) if asked else None
    try:
        settings = load(environ, flags, settings_file(asked, environ) if on_a_node else named)
    except ConfigError as error:
        raise BadSettings(error) from None
    logs.configure(settings.log.level, settings.log.format)
    return settings


@contextmanager
def _without_rich() -> Iterator[None]:
    """Let structlog find no rich: it would load it for tracebacks that we do not want, at 5 MB of the service.

    `None` in `sys.modules` is Python's own way to say that a module cannot be imported.
    """
    modules: MutableMapping[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    if "rich" in modules:
        yield
        return
    modules["rich"] = None
    try:
        yield
    finally:
        del modules["rich"]
