"""Label sets of one metric and one chain, no two of them equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from otel_calico.series import LabelKey, Labels, label_key

_T = TypeVar("_T")


def told_apart(series: Sequence[tuple[Labels, str, _T]]) -> list[tuple[Labels, _T]]:
    """Label sets with their values. Of two policies with one canonical name the later shows its chain.

    That happens while v3.32's policy-name migrator renames a policy: the old and the new one exist for a moment. Rules
    that even their chain does not tell apart are numbered from the second on, so that none is lost.
    """
    found: dict[LabelKey, tuple[Labels, _T]] = {}
    for own, chain, value in series:
        labels, number = own, 1
        while label_key(labels) in found:
            named = {**own, "chain": chain} if chain else own
            labels = named if label_key(named) not in found else {**named, "rule": str(number := number + 1)}
        found[label_key(labels)] = labels, value
    return list(found.values())


def columns(series: Sequence[tuple[Labels, _T]]) -> tuple[tuple[Labels, ...], tuple[_T, ...]]:
    """Labels and values apart."""
    return tuple(labels for labels, _ in series), tuple(value for _, value in series)
