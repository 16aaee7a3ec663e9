"""`python -m endurance.soak [--minutes N] [--write FILE]`: soak, tell progress on standard error, print the table.

Needs root and `make setup`. Exits with 1 if something did not stay flat or a total is wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from endurance.soak.population import Scale
from endurance.soak.run import soak
from endurance.table import markdown, progress, write

HEAD = ("What", "Seen", "Bar", "Verdict")
MINUTES = 5.0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m endurance.soak", description="Pods and policies come and go.")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="N", help=f"how long ({MINUTES:g})")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also put the table into this document")
    given = parser.parse_args()
    rows = soak(given.minutes, Scale(), progress)
    table = markdown(HEAD, [row.cells for row in rows])
    print(table)
    if given.write:
        write(given.write, "soak", table)
    sys.exit(not all(row.holds for row in rows))


if __name__ == "__main__":
    main()
