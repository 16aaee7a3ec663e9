"""The interface of every datastore, and the datastore for rulesets without any."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from otel_calico.calico.model import PolicyKind
from otel_calico.datastores.status import DatastoreStatus


class DatastoreError(Exception):
    """The datastore cannot be used. The message says what happened and what to do; it contains no secrets."""


class Datastore(Protocol):
    """Fills the lookups from its start until it is stopped."""

    def start(self) -> None:
        """Start. A file is read at once, which may raise DatastoreError; servers are connected in the background."""

    def stop(self) -> None:
        """End within a second; the lookups keep their resources. Allowed before the start and more than once."""

    def status(self) -> DatastoreStatus:
        """The state now. Thread-safe."""

    def need(self, policies: Collection[PolicyKind]) -> None:
        """Tell the kinds of policy that a scan needs to name its chains. Thread-safe; does not wait."""


class NoDatastore:
    """For rulesets that are read without a datastore: all names come from the rules."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def status(self) -> DatastoreStatus:
        """Always in sync: there are no kinds to list."""
        return DatastoreStatus()

    def need(self, policies: Collection[PolicyKind]) -> None:
        """Do nothing."""
