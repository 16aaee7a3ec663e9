"""A node, and sources that read it and end with their test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.node.namespace import Namespace
from tests.sources.reader import Reader


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A node: a network namespace with a /run of its own."""
    with Namespace() as made:
        yield made


@pytest.fixture
def readers(namespace: Namespace) -> Iterator[Callable[..., Reader]]:
    """Starts sources in the namespace; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, path: str = "") -> Reader:
            return stack.enter_context(contextlib.closing(Reader(namespace, *arguments, path=path)))

        yield start
