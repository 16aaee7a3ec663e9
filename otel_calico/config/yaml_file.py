"""Reads the two YAML files that may hold settings: our own, and Calico's CalicoAPIConfig.

Values are taken as the text in the file, untouched by YAML's own types, so that `0123` and `off` stay what they
are. Messages name line and key but never quote the file: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import yaml

from otel_calico.config.given import Given
from otel_calico.config.option import Option
from otel_calico.config.problems import ConfigError, did_you_mean
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

# Fields of a CalicoAPIConfig that mean nothing to a reader.
_NOT_OURS = {"etcdFIPSModeEnabled", "k8sDisableNodePoll", "k8sUsePodCIDR", "usePodCIDR"}
_NULL = "tag:yaml.org,2002:null"


def read_settings(path: Path, options: Iterable[Option]) -> tuple[dict[str, Given], list[str]]:
    """What our own file gives by key, and its problems. Raises ConfigError if it is no YAML mapping."""
    table = {option.key: option for option in options}
    sections = {key.partition(".")[0] for key in table}
    found: dict[str, Given] = {}
    problems: list[str] = []
    for section, node in _entries(path, _top(path), problems):
        if section not in sections:
            problems.append(_unknown(path, node, section, [*sections, *table]))
        elif isinstance(node, yaml.MappingNode):
            entries = [(f"{section}.{name}", value) for name, value in _entries(path, node, problems)]
            in_section, more = _given(path, entries, table)
            found |= in_section
            problems += more
        elif node.tag != _NULL:
            problems.append(f"{_place(path, node)}, key {section}: is no mapping of settings")
    return found, problems


def read_calico(path: Path, options: Iterable[Option]) -> tuple[dict[str, Given], list[str]]:
    """What a CalicoAPIConfig file gives by key, and its problems. Raises ConfigError if it is none."""
    table = {option.calico_field: option for option in options if option.calico_field}
    problems: list[str] = []
    top = dict(_entries(path, _top(path), problems))
    spec = top.get("spec")
    if _scalar(top.get("kind")) != "CalicoAPIConfig" or not isinstance(spec, yaml.MappingNode):
        raise ConfigError([f"file {path}: is no CalicoAPIConfig with a spec"])
    fields = [(name, node) for name, node in _entries(path, spec, problems) if name not in _NOT_OURS]
    found, more = _given(path, fields, table)
    return {table[name].key: given for name, given in found.items()}, problems + more


def _given(
    path: Path, entries: Iterable[tuple[str, yaml.Node]], table: Mapping[str, Option]
) -> tuple[dict[str, Given], list[str]]:
    found = {}
    problems = []
    for name, node in entries:
        if name not in table:
            problems.append(_unknown(path, node, name, table))
        elif (text := _text(node)) is None:
            problems.append(f"{_place(path, node)}, key {name}: must be a scalar, or a flat list or mapping of scalars")
        elif text.strip():
            found[name] = Given(text, f"{_place(path, node)}, key {name}", table[name].kind)
    return found, problems


def _top(path: Path) -> yaml.Node | None:
    try:
        node = yaml.compose(read_bounded(path, LARGEST_CONFIGURATION).decode(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError([f"file {path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"file {path}: is not UTF-8 text"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(
            [f"file {path}{where}: is no valid YAML; check indentation, quote special characters"]
        ) from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigError([f"file {path}: is no valid YAML"]) from None
    if node is not None and node.tag != _NULL and not isinstance(node, yaml.MappingNode):
        raise ConfigError([f"file {path}: is no mapping of sections"])
    return node


def _entries(path: Path, node: yaml.Node | None, problems: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Names and values of a mapping; a name given twice counts once and is a problem."""
    seen = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name = _scalar(key) or ""
        if name in seen:
            problems.append(f"{_place(path, key)}, key {name}: stands there twice")
        else:
            seen.add(name)
            yield name, value


def _text(node: yaml.Node) -> str | None:
    """The text of a value; lists and mappings in the form that flags and variables have."""
    if isinstance(node, yaml.SequenceNode):
        items = [_scalar(item) for item in node.value]
        return None if None in items else ",".join(item for item in items if item)
    if isinstance(node, yaml.MappingNode):
        pairs = [(_scalar(key), _scalar(value)) for key, value in node.value]
        plain = [(name, value) for name, value in pairs if name is not None and value is not None]
        return ",".join(f"{quote(name)}={quote(value)}" for name, value in plain) if len(plain) == len(pairs) else None
    return _scalar(node)


def _scalar(node: yaml.Node | None) -> str | None:
    if not isinstance(node, yaml.ScalarNode):
        return None
    return "" if node.tag == _NULL else str(node.value)


def _unknown(path: Path, node: yaml.Node, name: str, known: Iterable[str]) -> str:
    return f"{_place(path, node)}, key {name}: unknown key{did_you_mean(name, known)}"


def _place(path: Path, node: yaml.Node) -> str:
    return f"file {path}, line {node.start_mark.line + 1}"
