"""How well the lookups match the datastore, for the own metrics, `/readyz` and `check`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KindStatus:
    """State of one kind. Counts are since the start.

    `in_sync`: listed at least once, and the cache is kept from then on; `connected`: changes arrive now;
    `held`: resources in the lookups; `decode_failures`: resources that could not be understood.
    """

    in_sync: bool = False
    connected: bool = False
    held: int = 0
    errors: int = 0
    reconnects: int = 0
    decode_failures: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class DatastoreStatus:
    """State of every kind that the datastore holds; empty without a datastore, which is in sync."""

    kinds: Mapping[str, KindStatus] = field(default_factory=dict)

    @property
    def in_sync(self) -> bool:
        """Whether every kind was listed once."""
        return all(kind.in_sync for kind in self.kinds.values())

    @property
    def waiting_for(self) -> Mapping[str, Sequence[str]]:
        """Kinds that are not in sync, by what keeps them from it."""
        found: dict[str, list[str]] = {}
        for name, status in self.kinds.items():
            if not status.in_sync:
                found.setdefault(status.last_error or "no answer yet", []).append(name)
        return found

    @property
    def unready_reasons(self) -> tuple[str, ...]:
        """One text per kind that is not in sync, with what to do about it."""
        return tuple(
            f"{name}: {status.last_error or 'not listed yet; wait, or see whether the datastore answers'}"
            for name, status in self.kinds.items()
            if not status.in_sync
        )
