"""Whatever is fed to the readers of others' texts, they raise no error but their own."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endurance.fuzz.__main__ import TARGETS as NAMES
from endurance.fuzz.seeds import CORPUS, seeds
from endurance.fuzz.targets import TARGETS

EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=12)), max_size=6)


def edited(text: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """A text in which some bytes are gone and others come in their place."""
    for where, gone, new in edits:
        place = int(where * len(text))
        text = text[:place] + new + text[place + gone :]
    return text


def test_the_command_fuzzes_all_targets() -> None:
    assert set(NAMES) == set(TARGETS)
    assert {folder.name for folder in CORPUS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_kept_inputs_break_nothing(name: str) -> None:
    for text in seeds(name):
        TARGETS[name](text)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"scans"}))  # which Hypothesis fuzzes in tests/damage
def test_a_spoilt_text_breaks_nothing(name: str) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(seeds(name)), EDITS)
    def check(text: bytes, edits: list[tuple[float, int, bytes]]) -> None:
        TARGETS[name](edited(text, edits))

    check()
