"""How well the lookups match the datastore; shown by the own metrics, `/readyz` and `check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KindStatus:
    """State of one kind; the numbers count from the start.

    `in_sync`: listed at least once, and the cache was kept since then; `connected`: a watch is established now;
    `held`: resources in the lookups; `decode_failures`: resources with unknown content.
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
    """State of every watched kind, and why the others are not watched. Without a datastore there are no kinds."""

    kinds: Mapping[str, KindStatus] = field(default_factory=dict)
    unwatched: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_sync(self) -> bool:
        """Whether every watched kind was listed once."""
        return all(kind.in_sync for kind in self.kinds.values())

    @property
    def unwatched_by_reason(self) -> Mapping[str, Sequence[str]]:
        """Kinds that are not watched, by the reason."""
        found: dict[str, list[str]] = {}
        for name, reason in self.unwatched.items():
            found.setdefault(reason, []).append(name)
        return found

    @property
    def waiting_for(self) -> Mapping[str, Sequence[str]]:
        """Kinds that are not in sync, by the reason."""
        found: dict[str, list[str]] = {}
        for name, status in self.kinds.items():
            if not status.in_sync:
                found.setdefault(status.last_error or "no answer yet", []).append(name)
        return found

    @property
    def unready_reasons(self) -> tuple[str, ...]:
        """One text for each kind that is not in sync, with what to do."""
        return tuple(
            f"{name}: {status.last_error or 'not listed yet; wait, or check whether the datastore answers'}"
            for name, status in self.kinds.items()
            if not status.in_sync
        )
