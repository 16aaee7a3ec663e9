"""Where something could not be read, the commands begin with a note, and claim nothing about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.felix import Era
from tests.field.cases import FILES
from tests.terminal.printed import printed
from tests.terminal.saved import write_resources, write_rules

NAMED = ("--ruleset", "rules.txt", "--datastore-file", "resources.txt")
ENVIRONMENT = {"NODENAME": "n"}
CUT = re.compile(r"^(?:\[\d+:\d+\] -A |:)cali-pi-(?:gnp/block-9090|_Vwyll1T_8l3haZwDKEy) .*\n", re.MULTILINE)
"""The chains of `block-9090` and, in a group, of `default/allow-web`."""
TRANSCRIPT = Path(__file__).parent / "transcripts" / "cut.txt"


def cut_file(folder: Path) -> str:
    """What the commands print of rules from which the chains of two policies were cut."""
    rules = write_rules(Era.E, folder)
    write_resources(Era.E, folder)
    rules.write_text(CUT.sub("", rules.read_text()))
    commands = (
        ("report", *NAMED),
        ("report", "--drops", *NAMED),
        ("report", "--unused", *NAMED),
        ("explain", "default/web-0", *NAMED),
        ("explain", "block-9090", *NAMED),
    )
    return printed(folder, commands, ENVIRONMENT)


def test_a_file_from_which_a_policys_chain_was_cut_keeps_its_accepts(tmp_path: Path) -> None:
    assert cut_file(tmp_path) == TRANSCRIPT.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("command", [("report",), ("report", "--drops"), ("explain", "calia1")])
def test_an_ip_version_that_cannot_be_read_on_the_node_is_told_first(command: tuple[str, ...], tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "otel_calico", *command],
        env={
            "PATH": f"{FILES / 'ipv6-unreadable'}:{os.environ['PATH']}",
            "NODENAME": "n",
            "FELIX_IPTABLESBACKEND": "nft",
            "FELIX_NFTABLESMODE": "Disabled",
            "HOME": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    notes = [line for line in run.stdout.splitlines() if line.startswith("Note: ")]
    assert run.stdout.startswith("Note: ")
    assert "Note: ipv6 is left out: ip6tables-nft-save printed no table: " in "\n".join(notes)
    assert run.returncode == 0


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        TRANSCRIPT.write_text(cut_file(Path(made)))
