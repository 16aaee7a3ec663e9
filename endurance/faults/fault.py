"""A fault, what is promised while it lasts, and who watches whether the promise is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from endurance.faults.stage import Stage
from tests.node.programs import wait_until


@dataclass(slots=True)
class Witness:
    """Notes what was seen, and what of it broke the promise."""

    seen: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def see(self, what: str, kept: bool = True) -> None:  # noqa: FBT001, FBT002 - reads as a sentence
        """Note something that was seen; `kept` says whether the promise allows it."""
        self.seen.append(what if kept else f"**{what}**")
        if not kept:
            self.broken.append(what)

    def expect(self, what: str, kept: bool) -> None:  # noqa: FBT001 - as above
        """Note something that should be so, or that it is not."""
        self.see(what if kept else f"NOT: {what}", kept)

    def await_(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so, and note after what time; that it did not come in time breaks the promise."""
        began = time.monotonic()
        try:
            wait_until(_patient(ready), what, seconds)
        except TimeoutError:
            self.expect(f"{what} within {seconds:g} s", kept=False)
        else:
            self.see(f"{what} after {time.monotonic() - began:.1f} s")


@dataclass(frozen=True, slots=True)
class Fault:
    """`run` does it to a service on the stage. `quick` ones are in the suite."""

    name: str
    promised: str
    run: Callable[[Stage, Witness], None]
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault."""

    fault: Fault
    seen: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Fault, promise, what was seen, verdict."""
        return self.fault.name, self.fault.promised, "; ".join(self.seen), "**broken**" if self.broken else "kept"


def outcome(fault: Fault, stage: Stage) -> Outcome:
    """Do it. An error on the way breaks the promise too: something did not come that should have."""
    witness = Witness()
    try:
        with stage.part():
            fault.run(stage, witness)
    except Exception as error:  # noqa: BLE001 - told in the table
        witness.see(f"{type(error).__name__}: {str(error)[:300]}", kept=False)
    return Outcome(fault, tuple(witness.seen), tuple(witness.broken))


def _patient(ready: Callable[[], bool]) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            return ready()
        except OSError:
            return False

    return asked
