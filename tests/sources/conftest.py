"""A node, and sources that read it and end with their test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.node.namespace import Namespace
from tests.sources.reader import Reader

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts shell scripts on an otherwise bare PATH: a name, and what it does."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return write


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
