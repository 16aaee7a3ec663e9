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
from otel_calico.sources.ruleset_source import SourceError

told = Commands().run(("sh", "-c", "echo rules; echo complaint >&2"), Limits())
try:
    Commands().run(("sh", "-c", "echo rules; echo complaint >&2; exit 3"), Limits())
except SourceError as error:
    told += str(error)
Path(sys.argv[1]).write_text(told)
"""


LEAVING = """
import sys
from pathlib import Path
from otel_calico.sources.command import Commands, Limits

Commands().run(("sh", "-c", "sleep 96.4 & sleep 96.4 & echo rules"), Limits())
Path(sys.argv[1]).write_text(" ".join(sorted(path.parent.name for path in Path("/proc").glob("[0-9]*/stat"))))
"""

INHERITED = """
import sys
from pathlib import Path
from otel_calico.sources.command import Commands, Limits

Path(sys.argv[1]).write_text(Commands().run(("sh", "-c", "ls /proc/$$/fd"), Limits()))
"""


def told(tmp_path: Path, shell: str, script: str = SCRIPT) -> str:
    """What two programs tell a process that is started like this: `$0 "$@"`."""
    result = tmp_path / "told"
    subprocess.run(["sh", "-c", shell, sys.executable, "-c", script, str(result)], check=True)
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


@pytest.mark.node
def test_as_process_1_of_a_container_no_zombie_stays(tmp_path: Path) -> None:
    assert told(tmp_path, 'exec unshare --pid --mount-proc --fork "$0" "$@"', LEAVING) == "1"


def test_programs_do_not_see_descriptors_that_the_service_was_started_with(tmp_path: Path) -> None:
    assert told(tmp_path, 'exec "$0" "$@" 7</etc/passwd 9</etc/passwd', INHERITED).split() == ["0", "1", "2"]
