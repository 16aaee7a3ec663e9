"""The image, built once for all tests; what can be kept is kept for the next run."""

from __future__ import annotations

import pytest

from tests.image.build import Image, built_image


@pytest.fixture(scope="session")
def image() -> Image:
    return built_image()
