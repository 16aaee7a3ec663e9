"""Fixtures for tests on real parts; each test gets its own, and all end with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from otel_calico.logs import OUR_LOGGER
from tests.node.etcd import Etcd
from tests.node.namespace import Namespace
from tests.node.otlp_collector import OtlpCollector
from tests.node.pod import Pod


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A command that runs in this process sets the log up for all of it; the next test is to find it as it was."""
    root, ours, config = logging.getLogger(), logging.getLogger(OUR_LOGGER), structlog.get_config()
    levels, handlers = (root.level, ours.level), list(root.handlers)
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A node: a network namespace of its own."""
    with Namespace() as made:
        yield made


@pytest.fixture
def outside(namespace: Namespace) -> Iterator[Pod]:
    """A host beyond the node, whose packets to pods are forwarded."""
    with Pod(namespace, "uplink", "198.51.100.1", "2001:db8:51::1") as host:
        yield host


@pytest.fixture
def etcd() -> Iterator[Etcd]:
    """A running etcd without TLS, empty."""
    with Etcd() as member:
        yield member.start()


@pytest.fixture
def otlp_collector() -> Iterator[OtlpCollector]:
    """A running OTLP collector."""
    with OtlpCollector() as collector:
        yield collector.start()
