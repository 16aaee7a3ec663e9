"""The whole page at `/metrics` of every recording is the one that was read and kept."""

from __future__ import annotations

import pytest

from tests.recordings import RECORDINGS, Recording
from tests.recordings.kept_pages import difference, kept_pages


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
def test_the_whole_page_is_the_kept_one(recording: Recording) -> None:
    differs = difference(recording)
    if differs:
        pytest.fail(f"{differs}\nIf that is right: python -m tests.recordings.keep", pytrace=False)


def test_no_page_is_kept_without_its_recording() -> None:
    assert list(kept_pages()) == sorted(f"{recording}.txt" for recording in RECORDINGS)
