"""Label sets of one metric and one chain, no two of them equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from otel_calico.series import LabelKey, Labels, label_key

_T = TypeVar("_T")


def told_apart(series: Sequence[tuple[Labels, str, _T]]) -> list[tuple[Labels, _T]]:
    """Label sets with their values. Of two policies with one canonical name the later shows its chain.

    That happens while v3.32's policy-name migrator renames a policy: the old and the new one exist for a moment.
    """
    found: dict[LabelKey, tuple[Labels, _T]] = {}
    for own, chain, value in series:
        labels = {**own, "chain": chain} if label_key(own) in found else own
        found.setdefault(label_key(labels), (labels, value))
    return list(found.values())


def columns(series: Sequence[tuple[Labels, _T]]) -> tuple[tuple[Labels, ...], tuple[_T, ...]]:
    """Labels and values apart."""
    return tuple(labels for labels, _ in series), tuple(value for _, value in series)
