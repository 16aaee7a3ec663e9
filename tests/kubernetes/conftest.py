"""API servers and datastores that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.kubernetes.access import Access
from otel_calico.datastores.kubernetes.api import ClientPace
from otel_calico.datastores.kubernetes.datastore import KubernetesDatastore
from otel_calico.datastores.loop import Pace
from tests.kubernetes.api_server import ApiServer

NODE = "node-1"
QUICK = Pace(minimum=0.05, ceiling=0.2)
CLIENT = ClientPace(timeout=2, queries_per_second=0)
Follow = Callable[..., KubernetesDatastore]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Starts datastores of node-1 and stops them after the test."""
    with ExitStack() as running:

        def started(access: Access | str, lookups: Lookups, **options: Any) -> KubernetesDatastore:
            where = Access(access) if isinstance(access, str) else access
            settings: dict[str, Any] = {"client_pace": CLIENT, "pace": QUICK, **options}
            datastore = KubernetesDatastore(where, NODE, "cali", lookups, **settings)
            datastore.start()
            running.callback(datastore.stop)
            return datastore

        yield started
