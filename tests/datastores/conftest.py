"""Real etcd servers and datastores that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore
from tests.node.etcd import Etcd, TLSFiles

NODE = "node-1"
QUICK = Backoff(minimum=0.1, maximum=0.4)
Follow = Callable[..., EtcdDatastore]


@pytest.fixture
def tls_etcd(tmp_path: Path) -> Iterator[Etcd]:
    with Etcd(TLSFiles.issue(tmp_path), knows_clients=False) as member:
        yield member.start()


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Starts etcd datastores of node-1 and stops them after the test."""
    with ExitStack() as running:

        def started(settings: EtcdAccess, lookups: Lookups, *, host_endpoints: bool = False) -> EtcdDatastore:
            datastore: Datastore = EtcdDatastore(settings, NODE, "cali", lookups, QUICK, host_endpoints=host_endpoints)
            datastore.start()
            running.callback(datastore.stop)
            assert isinstance(datastore, EtcdDatastore)
            return datastore

        yield started
