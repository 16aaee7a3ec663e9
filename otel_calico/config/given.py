"""The value given for each setting and its source: flags over environment over YAML file.

Empty or blank text counts as not given, whatever its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_calico.config.kinds import Kind
from otel_calico.config.option import Option
from otel_calico.config.problems import did_you_mean

OWN_PREFIX = "OTEL_CALICO_"
CONFIG_VARIABLE = f"{OWN_PREFIX}CONFIG"
# Kubernetes puts these into every pod of a namespace that has a Service named otel-calico or otel-calico-…;
# one named metrics-server even gives METRICS_SERVER_PORT the value tcp://10.0.0.1:443.
_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
_SERVICE_LINK_PORT = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Given:
    """The text of one setting, how to read it, and its source in words."""

    text: str
    source: str
    kind: Kind[Any]


def from_flags(options: Iterable[Option], flags: Mapping[str, str]) -> dict[str, Given]:
    """Flags by key."""
    return {
        option.key: Given(flags[option.key], f"flag {option.flag}", option.kind)
        for option in options
        if flags.get(option.key, "").strip()
    }


def from_environment(
    options: Iterable[Option], environ: Mapping[str, str], *, calico_variables: bool
) -> dict[str, Given]:
    """The first variable of each setting that is set. `calico_variables` False leaves those out that a
    CalicoAPIConfig file takes the place of."""
    found = {}
    for option in options:
        readable = option.variables if calico_variables or not option.calico_field else (option.own,)
        for variable in readable:
            text = environ.get(variable.name, "")
            if text.strip() and not _is_service_link(variable.name, text):
                found[option.key] = Given(text, f"environment {variable.name}", variable.kind)
                break
            if variable.empty_wins and variable.name in environ:
                break
    return found


def unknown_variables(options: Iterable[Option], environ: Mapping[str, str]) -> Iterator[str]:
    """A problem for each variable that begins like ours and is not."""
    known = {option.own.name.removeprefix(OWN_PREFIX) for option in options} | {"CONFIG"}
    for name in sorted(environ):
        end = name.removeprefix(OWN_PREFIX)
        if end != name and end not in known and not _is_service_link(name, environ[name]):
            yield f"environment {name}: unknown variable{did_you_mean(end, known, prefix=OWN_PREFIX)}"


def _is_service_link(name: str, text: str) -> bool:
    return bool(_SERVICE_LINK.search(name) or (name.endswith("_PORT") and _SERVICE_LINK_PORT.match(text)))
