"""What an API server holds: objects, the revision of each change, and the history that watches can resume in."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

Object = dict[str, Any]


def resource_of(found: Mapping[str, Any]) -> str:
    """`PLURAL.GROUP` of an object, as RBAC names it."""
    group, _, _ = found["apiVersion"].rpartition("/")
    kind = found["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{plural}.{group}" if group else plural


def key_of(found: Mapping[str, Any]) -> str:
    """`NAMESPACE/NAME`, or `NAME` without a namespace."""
    metadata = found["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` are None where the object did not exist."""

    revision: int
    before: Object | None
    after: Object | None


class Store:
    """All objects of a cluster. Every change has the next revision and wakes whoever waits on `changed`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.revision = 100
        self.compacted = 0  # changes up to this revision are forgotten
        self._objects: dict[str, dict[str, Object]] = {}
        self._changes: defaultdict[str, list[Change]] = defaultdict(list)
        self._listed: dict[tuple[str, int], list[Object]] = {}

    def put(self, *objects: Mapping[str, Any]) -> None:
        """Create or change objects."""
        with self.changed:
            for given in objects:
                self.revision += 1
                stored = {**given, "metadata": {**given["metadata"], "resourceVersion": str(self.revision)}}
                held = self._objects.setdefault(resource_of(given), {})
                self._changes[resource_of(given)].append(Change(self.revision, held.get(key_of(given)), stored))
                held[key_of(given)] = stored
            self.changed.notify_all()

    def delete(self, given: Mapping[str, Any]) -> None:
        """Delete an object; one that is not there is no error."""
        with self.changed:
            former = self._objects.get(resource_of(given), {}).pop(key_of(given), None)
            if former is not None:
                self.revision += 1
                last = {**former, "metadata": {**former["metadata"], "resourceVersion": str(self.revision)}}
                self._changes[resource_of(given)].append(Change(self.revision, last, None))
                self.changed.notify_all()

    def compact(self) -> None:
        """Refuse to resume in the history up to now; watches that stand go on."""
        with self.changed:
            self.compacted = self.revision

    def listed(self, resource: str, revision: int | None = None) -> tuple[int, list[Object]]:
        """The objects by key, and as of which revision: now, or when they were listed before."""
        with self.changed:
            revision = revision or self.revision
            if (resource, revision) not in self._listed:
                found = [found for _, found in sorted(self._objects.get(resource, {}).items())]
                self._listed[resource, revision] = found
            return revision, self._listed[resource, revision]

    def after(self, resource: str, revision: int) -> list[Change]:
        """Changes of one resource after a revision."""
        with self.changed:
            changes = self._changes[resource]
            return changes[bisect_right(changes, revision, key=attrgetter("revision")) :]
