"""The recorded node's workloads and policies."""

from __future__ import annotations

from pathlib import Path

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.file_datastore import FileDatastore

RESOURCES = Path(__file__).with_name("resources.yaml")


def fill(lookups: Lookups) -> FileDatastore:
    """Put the record's workloads and policies into the lookups; returns the datastore that did, already in sync."""
    datastore = FileDatastore(str(RESOURCES), node_name=None, interface_prefix="cali", lookups=lookups)
    datastore.start()
    return datastore
