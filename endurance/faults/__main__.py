"""`python -m endurance.faults [--quick] [--only WORD] [--write FILE]`: do every fault, tell, print the table.

Needs root and `make setup`. Exits with 1 if a promise broke.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from endurance.faults import api_server, clients, collector, etcd, machine, programs, signals
from endurance.faults.fault import Fault, Outcome, outcome
from endurance.faults.stage import Stage
from endurance.table import markdown, progress, write

FAULTS: tuple[Fault, ...] = (
    *etcd.FAULTS,
    *api_server.FAULTS,
    *collector.FAULTS,
    *programs.FAULTS,
    *machine.FAULTS,
    *clients.FAULTS,
    *signals.FAULTS,
)
HEAD = ("Fault", "Promised", "Seen", "Verdict")


def run(faults: Sequence[Fault]) -> list[Outcome]:
    """Do them one after another on one node."""
    outcomes = []
    with Stage() as stage:
        for fault in faults:
            outcomes.append(outcome(fault, stage))
            progress(" | ".join(outcomes[-1].row))
    return outcomes


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m endurance.faults", description="Do every fault to the service.")
    parser.add_argument("--quick", action="store_true", help="only those that are in the suite")
    parser.add_argument("--only", metavar="WORD", default="", help="only faults with this in their name")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also put the table into this document")
    given = parser.parse_args()
    chosen = [fault for fault in FAULTS if given.only in fault.name and (fault.quick or not given.quick)]
    if not chosen:
        parser.error(f"no fault has {given.only!r} in its name")
    outcomes = run(chosen)
    table = markdown(HEAD, [each.row for each in outcomes])
    print(table)
    if given.write:
        write(given.write, "faults", table)
    sys.exit(any(each.broken for each in outcomes))


if __name__ == "__main__":
    main()
