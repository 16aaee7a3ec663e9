"""Real etcd servers and datastores that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore
from tests.datastores.watching import NODE, QUICK, running
from tests.node.etcd import Etcd, TLSFiles

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
    with running() as started:
        yield lambda access, lookups, **options: started(EtcdDatastore(access, NODE, "cali", lookups, QUICK, **options))
