"""What every datastore offers to the rest of the service, and the one that holds nothing."""

from __future__ import annotations

from typing import Protocol

from otel_calico.datastores.status import DatastoreStatus


class DatastoreError(Exception):
    """The datastore cannot be used. The message says what happened and what to do about it, without secrets."""


class Datastore(Protocol):
    """Fills lookups from the moment it is started until it is stopped."""

    def start(self) -> None:
        """Begin. A file is read at once and raises DatastoreError; a server is connected to in the background."""

    def stop(self) -> None:
        """End within a second; the lookups keep what they hold. Harmless if not started, or stopped before."""

    def status(self) -> DatastoreStatus:
        """The state now; from any thread."""


class NoDatastore:
    """For rulesets read without a datastore: names come from the rules alone."""

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""

    def status(self) -> DatastoreStatus:
        """Always in sync: there is nothing to list."""
        return DatastoreStatus()
