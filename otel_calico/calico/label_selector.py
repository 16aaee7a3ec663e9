"""Label selectors as Kubernetes writes them: `app=web,tier!=cache,env in (prod,test),!canary`.

Source: `k8s.io/apimachinery/pkg/labels/selector.go`. Requirements are joined with commas, and all of them must hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!)?\s*(?P<exists>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<operator>==|!=|=)\s*(?P<value>{_VALUE})"
    rf"|(?P<set>\s(?:in|notin))\s*\((?P<values>\s*{_VALUE}\s*(?:,\s*{_VALUE}\s*)*)\)))\s*",
    re.ASCII,
)
_SEPARATOR = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """The label `key` must have one of `values` (None: any), or with `negated` must not."""

    key: str
    values: frozenset[str] | None = None
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds; a label that is not there has no value."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that must all hold; none holds for everything. `text` is how it was written."""

    requirements: tuple[Requirement, ...] = ()
    text: str = ""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def parse_selector(text: str) -> LabelSelector:
    """Read a selector. Raises ValueError that names the part which is none, as the end of a sentence."""
    written = text.strip()
    parts = _SEPARATOR.split(written) if written else []
    return LabelSelector(tuple(map(_requirement, parts)), written)


def _requirement(part: str) -> Requirement:
    found = _REQUIREMENT.fullmatch(part)
    if found is None:
        raise ValueError(f'has a part that is no requirement: "{part.strip()}"')
    if key := found["exists"]:
        return Requirement(key, negated=bool(found["absent"]))
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(found["key"], values, negated=found["set"].strip() == "notin")
    return Requirement(found["key"], frozenset({found["value"]}), negated=found["operator"] == "!=")
