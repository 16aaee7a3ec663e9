"""API servers and datastores that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_client import ClientLimits
from otel_calico.datastores.kubernetes.kubernetes_datastore import KubernetesDatastore
from tests.datastores.watching import NODE, QUICK, running
from tests.kubernetes.api_server import ApiServer

CLIENT = ClientLimits(timeout=2, queries_per_second=0)
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
    with running() as started:

        def follow(access: ApiAccess | str, lookups: Lookups, **options: Any) -> KubernetesDatastore:
            where = ApiAccess(access) if isinstance(access, str) else access
            settings: dict[str, Any] = {"limits": CLIENT, "backoff": QUICK, **options}
            return started(KubernetesDatastore(where, NODE, "cali", lookups, **settings))

        yield follow
