"""What the reflector needs of a datastore: list a kind, then watch it from there (client-go's `ListWatch`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from otel_calico.datastores.resources import Raw


class RelistRequiredError(Exception):
    """Watching cannot resume from a revision: etcd has compacted it, or the API server answered 410."""


class RelistDueError(Exception):
    """A kind that is not watched is to be listed again. Nothing of it was lost."""


@dataclass(slots=True)
class Listing:
    """All resources of a kind with their keys, `NAMESPACE/NAME` or `NAME`, as of `revision`.

    `items` can be iterated once, which raises DatastoreError or RelistRequiredError; `revision` is valid after the
    last item.
    """

    items: Iterable[tuple[str, Raw]]
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in order; the value of a deleted resource is None. A watch from `revision` on misses no change."""

    revision: str
    changes: Sequence[tuple[str, Raw | None]] = ()


class Watch(Protocol):
    """An iterable of batches. The first one shows that the watch is established; it may be empty."""

    def __iter__(self) -> Iterator[Batch]:
        """Wait for batches until the server ends the watch.

        Raises DatastoreError, RelistRequiredError or RelistDueError.
        """

    def close(self) -> None:
        """End the iteration at once. Thread-safe; may be called more than once."""


class ListWatch(Protocol):
    """Lists and watches kinds. The threads of all kinds use it at the same time. Revisions are opaque texts."""

    def list(self, kind: str) -> Listing:
        """Read all resources of a kind. Raises DatastoreError or RelistRequiredError."""

    def watch(self, kind: str, after: str) -> Watch:
        """Watch a kind for changes after a revision. Raises DatastoreError or RelistRequiredError."""

    def close(self) -> None:
        """Close all connections; calls in progress raise DatastoreError."""
