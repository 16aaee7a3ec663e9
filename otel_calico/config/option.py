"""One setting: kind of value, default, names in every source, and a line of documentation.

The fields of the settings classes *are* the table of settings: a field is declared with `setting(…)`, and
loading, `--help`, the reference page and the sample file all read what it was given. The key of a field is
`section.field`; the YAML path, `OTEL_CALICO_SECTION_FIELD` and the place in `Settings` follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from otel_calico.config.kinds import Kind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable. `empty_wins`: set but empty, it hides the variables after it (Calico's own rule)."""

    name: str
    kind: Kind[Any]
    empty_wins: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as loading and documentation see it."""

    key: str
    doc: str
    kind: Kind[Any]
    default: Any
    automatic: str  # how the value is found when nobody gives one; empty if `default` is it
    flag: str
    own: Variable
    foreign: tuple[Variable, ...]  # names that others defined: Calico, Felix, OpenTelemetry
    calico_field: str  # its name in a CalicoAPIConfig file
    secret: bool

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Environment variables, the first set one counts."""
        return (self.own, *self.foreign)

    @property
    def meaning(self) -> str:
        """The documentation, with what is allowed."""
        return self.doc + (f" Allowed: {self.kind.allowed}." if self.kind.allowed else "")

    @property
    def default_text(self) -> str:
        """The default as one would write it; empty for a setting that is off or found automatically."""
        if self.automatic or self.default in (None, "", ()):
            return ""
        return self.kind.show(self.default)


def setting(  # noqa: PLR0913 - a table row has this many columns
    kind: Kind[T],
    default: T,
    doc: str,
    *,
    automatic: str = "",
    flag: str = "",
    env: Sequence[str | Variable] = (),
    calico: str = "",
    calico_field: str = "",
    secret: bool = False,
) -> T:
    """A field of a settings class. `calico` names a variable that also exists with the prefix `CALICO_`."""
    foreign = [name if isinstance(name, Variable) else Variable(name, kind) for name in env]
    if calico:
        foreign = [Variable(f"CALICO_{calico}", kind, empty_wins=True), Variable(calico, kind), *foreign]
    row = {
        "doc": doc,
        "kind": kind,
        "automatic": automatic,
        "flag": flag,
        "foreign": tuple(foreign),
        "calico_field": calico_field,
        "secret": secret,
    }
    return field(default=default, metadata=row, repr=not secret)


def options_of(settings: type) -> tuple[Option, ...]:
    """The settings of a class whose fields are sections, in the order of their declaration."""
    return tuple(
        _option(section, declared)
        for section, group in get_type_hints(settings).items()
        for declared in fields(group)
        if declared.metadata
    )


def _option(section: str, declared: Field[Any]) -> Option:
    key = f"{section}.{declared.name}"
    own = Variable("OTEL_CALICO_" + key.replace(".", "_").upper(), declared.metadata["kind"])
    return Option(key=key, default=declared.default, own=own, **declared.metadata)
