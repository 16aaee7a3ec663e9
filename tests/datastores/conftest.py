"""Real etcd servers and datastores that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.etcd import EtcdDatastore
from otel_calico.datastores.loop import Pace
from otel_calico.datastores.settings import EtcdSettings
from tests.node.etcd import TLSFiles

from .calico_etcd import CalicoEtcd

NODE = "node-1"
QUICK = Pace(minimum=0.1, ceiling=0.4)
Follow = Callable[..., EtcdDatastore]


@pytest.fixture
def etcd() -> Iterator[CalicoEtcd]:
    with CalicoEtcd() as member:
        yield member.start()


@pytest.fixture
def tls_etcd(tmp_path: Path) -> Iterator[CalicoEtcd]:
    with CalicoEtcd(TLSFiles.issue(tmp_path), knows_clients=False) as member:
        yield member.start()


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Starts etcd datastores of node-1 and stops them after the test."""
    with ExitStack() as running:

        def started(settings: EtcdSettings, lookups: Lookups, *, host_endpoints: bool = False) -> EtcdDatastore:
            datastore: Datastore = EtcdDatastore(settings, NODE, "cali", lookups, QUICK, host_endpoints=host_endpoints)
            datastore.start()
            running.callback(datastore.stop)
            assert isinstance(datastore, EtcdDatastore)
            return datastore

        yield started
