"""Flags generated from the table of settings. All are text: the loader checks them and reports all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from otel_calico.config import OPTIONS
from otel_calico.config.option import Option

F = TypeVar("F", bound=Callable[..., Any])
CommandParameters = Mapping[str, str | None]

NODE = ("node.name", "datastore.type", "etcd.endpoints", "kubernetes.kubeconfig", "iptables.backend")
"""Settings that say which node this is, and where its Calico keeps its data and its rules."""

OFFLINE = ("iptables.ruleset_file", "ebpf.state_directory", "datastore.file")
"""Settings that put files in the place of a live node."""

config_option = click.option(
    "--config",
    metavar="FILE",
    help="YAML file of settings.  [env: OTEL_CALICO_CONFIG]  [default: /etc/otel-calico/otel-calico.yaml, if there]",
)


def setting_options(keys: Iterable[str]) -> Callable[[F], F]:
    """The flags of some settings, in this order. A command gets each under its key, with `__` for the dot."""
    by_key = {option.key: option for option in OPTIONS}
    chosen = [by_key[key] for key in keys]

    def decorate(command: F) -> F:
        for option in reversed(chosen):
            command = _flag(option)(command)
        return command

    return decorate


def _flag(option: Option) -> Callable[[F], F]:
    variables = ", ".join(variable.name for variable in option.foreign or (option.own,))
    default = option.automatic.replace("`", "") or option.default_text
    notes = f"  [env: {variables}]" + (f"  [default: {default}]" if default else "")
    parameter = option.key.replace(".", "__")
    metavar = option.flag.removeprefix("--").rpartition("-")[2].upper()
    help_text = option.meaning.replace("`", "") + notes
    return click.option(option.flag, parameter, metavar=metavar, help=help_text)
