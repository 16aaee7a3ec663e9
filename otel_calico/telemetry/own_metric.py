"""What the service's own metrics are made of, whoever shows them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

Value = tuple[float, Mapping[str, str]]
"""A value and its attributes."""


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A gauge or, if `counter`, a counter since the start.

    `name` is OpenTelemetry's without `otel_calico.`, `unit` in the form of UCUM.
    """

    name: str
    help: str
    observe: Callable[[], Iterable[Value]]
    unit: str = ""
    counter: bool = False

    @property
    def full_name(self) -> str:
        """OpenTelemetry's name."""
        return f"otel_calico.{self.name}"

    def values(self) -> Iterable[Value]:
        """The values now. Never raises: a fault leaves this metric out, and is logged."""
        try:
            return list(self.observe())
        except Exception:
            log.exception("own_metric_failed", metric=self.full_name)
            return ()


def unlabelled(value: float) -> Iterable[Value]:
    """One value without attributes; 1 or 0 for a truth."""
    return [(int(value) if isinstance(value, bool) else value, {})]


def labelled(label: str, values: Mapping[str, int]) -> Iterable[Value]:
    """One value for each value of an attribute."""
    return [(value, {label: key}) for key, value in values.items()]
