"""Isolates faults: a part of a scan that raises loses its own series only, and the error is kept as data.

For faults of otel-calico's own, which nobody expects. What a dump may show is no fault, and not to be caught here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from traceback import TracebackException
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ScanPart(StrEnum):
    """What can fail alone: the values of label `part` of `otel_calico_scan_failed_parts_total`.

    One endpoint's chain; the chain of one policy or group, with the series of family `rule`; the members' shares of
    one group; family `policy` without the node's drops; the node's drops.
    """

    ENDPOINT_CHAIN = "endpoint_chain"
    POLICY_CHAIN = "policy_chain"
    GROUP_SHARES = "group_shares"
    POLICY_FAMILY = "policy_family"
    NODE_DROPS = "node_drops"


@dataclass(frozen=True, slots=True, eq=False)
class FailedPart:
    """A part of a scan that failed: `chain` is empty for a whole family, `kind` the class of the exception.

    `error` holds none of the scan's objects.
    """

    part: ScanPart
    chain: str
    kind: str
    error: TracebackException


class FailedParts:
    """Gathers those of one scan, beginning with some that are known to fail."""

    def __init__(self, known: Iterable[FailedPart] = ()) -> None:
        self.found = list(known)

    def attempt(
        self, part: ScanPart, chain: str, make: Callable[_P, _T], *given: _P.args, **named: _P.kwargs
    ) -> _T | None:
        """What `make` returns; None if it raised."""
        try:
            return make(*given, **named)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not to take the other parts along
            traceback = TracebackException.from_exception(error, lookup_lines=False)
            self.found.append(FailedPart(part, chain, type(error).__name__, traceback))
            return None
