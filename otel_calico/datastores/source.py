"""What a datastore must offer for the shared loop (`loop.py`): list a kind, watch a kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from otel_calico.datastores.resources import Raw


class HistoryLostError(Exception):
    """The datastore no longer knows what happened since a revision; only a new listing helps."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All resources of a kind, by key (`NAMESPACE/NAME` or `NAME`), as they were at `revision`."""

    revision: str
    items: Iterable[tuple[str, Raw]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in order, None for deleted. A watch that resumes after `revision` misses nothing."""

    revision: str
    changes: Sequence[tuple[str, Raw | None]] = ()


class Listed(Protocol):
    """What a listing gives: the items, and the revision, which need not be known before the last was taken."""

    @property
    def revision(self) -> str:
        """As of when."""

    @property
    def items(self) -> Iterable[tuple[str, Raw]]:
        """To be taken once. Raises DatastoreError or HistoryLostError."""


class Watch(Protocol):
    """Batches as they come. The first tells that the watch stands, and may be empty."""

    def __iter__(self) -> Iterator[Batch]:
        """Wait for batches. Raises DatastoreError or HistoryLostError; ends if the server ends the watch."""

    def close(self) -> None:
        """End the iteration at once; from any thread, and more than once."""


class Source(Protocol):
    """What a concrete datastore offers. Used by the threads of all kinds at once; revisions are its own words."""

    def list(self, kind: str) -> Listed:
        """Read a kind, at once or while the items are taken. Raises DatastoreError or HistoryLostError."""

    def watch(self, kind: str, after: str) -> Watch:
        """Follow a kind from just after a revision. Raises DatastoreError."""

    def close(self) -> None:
        """Give up connections; whoever waits for one gets DatastoreError."""
