"""What the commands print of saved files of every era, word for word.

`python -m tests.terminal.test_transcripts` writes the transcripts anew; read what changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.felix import Era
from tests.terminal.printed import printed
from tests.terminal.saved import write_resources, write_rules

TRANSCRIPTS = Path(__file__).parent / "transcripts"
NAMED = ("--ruleset", "rules.txt", "--datastore-file", "resources.txt")
COMMANDS: Sequence[Sequence[str]] = (
    ("report", *NAMED),
    ("report", "--drops", "--pod", "default/web-0", *NAMED),
    ("report", "--unused", *NAMED),
    ("report", "--ruleset", "rules.txt"),
    ("explain", "default/web-0", *NAMED),
    ("explain", "default/client-0", "--ruleset", "rules.txt"),
    ("explain", "cali11111111111", "--ruleset", "rules.txt"),
    ("explain", "default/allow-web", *NAMED),
    ("explain", "default/default-deny", *NAMED),
)
PROGRAMS: Sequence[Sequence[str]] = (
    ("report", "--output", "json", *NAMED),
    ("explain", "cali-tw-cali0d7763386da", "--output", "json", *NAMED),
)


def transcript(era: Era, folder: Path, commands: Sequence[Sequence[str]]) -> str:
    """The commands and what they print, in a folder with the files they name."""
    write_rules(era, folder)
    write_resources(era, folder)
    return printed(folder, commands, {"NODENAME": "n"})


@pytest.mark.parametrize("era", Era, ids=lambda era: era.name)
def test_saved_files_of_every_era_are_reported_and_explained(era: Era, tmp_path: Path) -> None:
    assert transcript(era, tmp_path, COMMANDS) == (TRANSCRIPTS / f"{era.name.lower()}.txt").read_text()


def test_programs_are_told_the_same_as_people(tmp_path: Path) -> None:
    assert transcript(Era.E, tmp_path, PROGRAMS) == (TRANSCRIPTS / "json.txt").read_text()


def write_anew() -> None:
    """Write all transcripts."""
    for era in Era:
        with tempfile.TemporaryDirectory() as folder:
            (TRANSCRIPTS / f"{era.name.lower()}.txt").write_text(transcript(era, Path(folder), COMMANDS))
    with tempfile.TemporaryDirectory() as folder:
        (TRANSCRIPTS / "json.txt").write_text(transcript(Era.E, Path(folder), PROGRAMS))


if __name__ == "__main__":
    write_anew()
