"""Healthy nodes that many tests share. Who uses one leaves it as it was, and starts a service of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.felix import Era
from tests.node.iptables import BACKENDS


@pytest.fixture(scope="session")
def legacy_node() -> Iterator[LiveNode]:
    """A node of the legacy backend."""
    with LiveNode.of_era(Era.E, "legacy") as node:
        yield node


@pytest.fixture(scope="session")
def nft_node() -> Iterator[LiveNode]:
    """A node of the nft backend."""
    with LiveNode.of_era(Era.E, "nft") as node:
        yield node


@pytest.fixture(scope="session")
def nftables_node() -> Iterator[LiveNode]:
    """A node of the native nftables dataplane."""
    with LiveNode.of_era(Era.E, "nftables") as node:
        yield node


@pytest.fixture(params=DATAPLANES)
def node(
    request: pytest.FixtureRequest, legacy_node: LiveNode, nft_node: LiveNode, nftables_node: LiveNode
) -> LiveNode:
    """One after the other."""
    return {"legacy": legacy_node, "nft": nft_node, "nftables": nftables_node}[request.param]


@pytest.fixture(params=DATAPLANES)
def dataplane(request: pytest.FixtureRequest) -> str:
    """Where Felix writes its rules."""
    return str(request.param)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which of the two iptables Felix writes to."""
    return str(request.param)
