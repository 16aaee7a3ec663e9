"""The cheap faults, done to the running service: every promise is kept. `make faults` does all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from endurance.faults.__main__ import FAULTS
from endurance.faults.fault import Fault, Witness, outcome
from endurance.faults.stage import Stage

QUICK = [fault for fault in FAULTS if fault.quick]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as made:
        yield made


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name)
def test_the_promise_is_kept(stage: Stage, fault: Fault) -> None:
    assert outcome(fault, stage).broken == ()


@pytest.mark.node
def test_a_broken_promise_is_seen(stage: Stage) -> None:
    def breaks(_: Stage, witness: Witness) -> None:
        witness.expect("the sky is blue", kept=True)
        witness.expect("pigs fly", kept=False)
        raise RuntimeError("it crashed")

    came = outcome(Fault("test", "all is well", breaks), stage)
    assert came.row == (
        "test",
        "all is well",
        "the sky is blue; **NOT: pigs fly**; **RuntimeError: it crashed**",
        "**broken**",
    )
