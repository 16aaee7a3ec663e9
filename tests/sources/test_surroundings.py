"""Programs are run and read whatever whoever started the service left it with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.source import SourceError

told = Commands().run(("sh", "-c", "echo rules; echo complaint >&2"), Limits())
try:
    Commands().run(("sh", "-c", "echo rules; echo complaint >&2; exit 3"), Limits())
except SourceError as error:
    told += str(error)
Path(sys.argv[1]).write_text(told)
"""


def told(tmp_path: Path, shell: str) -> str:
    """What two programs tell a process that is started like this: `$0 "$@"`."""
    result = tmp_path / "told"
    subprocess.run(["sh", "-c", shell, sys.executable, "-c", SCRIPT, str(result)], check=True)
    return result.read_text()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_without_standard_files(tmp_path: Path, closed: str) -> None:
    assert told(tmp_path, f'exec "$0" "$@" {closed}') == "rules\nsh ended with exit status 3: complaint"


def test_with_a_lower_limit_on_files_than_programs_get(tmp_path: Path) -> None:
    unprivileged = "ulimit -f 1000; exec setpriv --bounding-set=-all --inh-caps=-all"
    assert told(tmp_path, f'{unprivileged} "$0" "$@"') == "rules\nsh ended with exit status 3: complaint"


def test_where_children_are_reaped_unseen(tmp_path: Path) -> None:
    # How the second one ended nobody can tell then.
    assert told(tmp_path, 'exec env --ignore-signal=CHLD "$0" "$@"') == "rules\n"
