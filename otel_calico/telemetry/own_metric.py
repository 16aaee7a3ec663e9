"""The declaration of one own metric of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from otel_calico.telemetry.service_state import ServiceState

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
    observe: Callable[[ServiceState], Iterable[Value]]
    unit: str = ""
    counter: bool = False

    @property
    def full_name(self) -> str:
        """OpenTelemetry's name."""
        return f"otel_calico.{self.name}"

    def values(self, state: ServiceState) -> Sequence[Value]:
        """The values in this state. Never raises: a fault leaves this metric out, and is logged."""
        try:
            return list(self.observe(state))
        except Exception:
            log.exception("own_metric_failed", metric=self.full_name)
            return ()
