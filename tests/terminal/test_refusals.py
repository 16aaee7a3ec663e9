"""What cannot be shown is refused in one line that says why and what to do, with exit code 2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_calico.cli import main
from tests.felix import Era
from tests.terminal.saved import write_resources, write_rules

SAVE = "save it with `iptables-save -c` or `nft -j list table ip calico`"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with saved files."""
    write_rules(Era.E, tmp_path)
    write_resources(Era.E, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments: str, stdin: str = "") -> str:
    """What is said on standard error; nothing is printed."""
    result = CliRunner(env={"NODENAME": "n"}).invoke(main, arguments, input=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("report", "--ruleset", "resources.txt"),
            "resources.txt looks like an export of the datastore: give it as --datastore-file, and ",
        ),
        (("report", "--pod", "default/wep-0"), 'this node has no pod "default/wep-0"; did you mean default/web-0 '),
        (("report", "--policy", "gaurd"), 'this node has no policy "gaurd"; did you mean security.guard?'),
        (("report", "--namespace", "defalt"), 'this node has no namespace "defalt"; did you mean default?'),
        (("explain", "web"), 'nothing on this node is called "web"; did you mean default/web-0'),
        (("explain", ""), 'nothing on this node is called ""; did you mean '),
        (("explain", "x/y"), 'nothing on this node is called "x/y"; `otel-calico report` lists what it has'),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_named(arguments: tuple[str, ...], reason: str) -> None:
    files = () if "--ruleset" in arguments else ("--ruleset", "rules.txt", "--datastore-file", "resources.txt")
    said = refused(*arguments, *files)
    assert said.startswith(f"Error: {reason}")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_without_a_datastore_an_unknown_pod_brings_the_reason() -> None:
    assert refused("explain", "shop/web-1", "--ruleset", "rules.txt") == (
        'Error: nothing on this node is called "shop/web-1"; only a datastore knows pods (--datastore-file, '
        "--etcd-endpoints, --kubeconfig): without, name an interface\n"
    )


def test_names_that_would_steer_the_terminal_are_spelt_out(folder: Path) -> None:
    rules = (folder / "rules.txt").read_text()
    hostile = rules.replace("cali0d7763386da", "cali\x1b[2J\u202e").replace(
        "default.block-9090", "default.\x1b]0;x\x07"
    )
    (folder / "hostile.txt").write_text(hostile)
    for arguments in (("report",), ("report", "--unused"), ("explain", "cali\x1b[2J\u202e")):
        printed = CliRunner(env={"NODENAME": "n"}).invoke(main, [*arguments, "--ruleset", "hostile.txt"])
        assert (printed.exit_code, printed.stderr) == (0, "")
        assert all(line.isprintable() for line in printed.stdout.split("\n"))
    assert refused("explain", "cali\x1b[2J", "--ruleset", "hostile.txt") == (
        'Error: nothing on this node is called "cali\\x1b[2J"; did you mean cali\\x1b[2J\\u202e?\n'
    )


def test_where_nothing_is_left_to_show_it_is_said_what_was_looked_for(folder: Path) -> None:
    quiet = re.sub(
        r"^\[\d+:\d+\](?=.*cali11111111111)", "[0:0]", (folder / "rules.txt").read_text(), flags=re.MULTILINE
    )
    (folder / "quiet.txt").write_text(quiet)
    run = CliRunner(env={"NODENAME": "n"}).invoke
    pod = ("report", "--ruleset", "quiet.txt", "--pod", "cali11111111111")
    assert run(main, [*pod, "--drops"]).output == "Nothing is counted as dropped or denied.\n"
    assert run(main, pod).output == "Nothing is counted as accepted, denied, passed on or dropped.\n"


def test_a_terminal_without_unicode_gets_what_it_can_show(folder: Path) -> None:
    rules = folder / "rules.txt"
    rules.write_text(rules.read_text().replace("cali0d7763386da", "caliö€"))
    run = subprocess.run(
        [sys.executable, "-m", "otel_calico", "report", "--ruleset", "rules.txt"],
        env={"PYTHONIOENCODING": "latin-1", "NODENAME": "n"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert "caliö? ".encode("latin-1") in run.stdout


@pytest.mark.usefixtures("folder")
def test_files_given_the_wrong_way_round_are_told_apart() -> None:
    said = refused("report", "--ruleset", "rules.txt", "--datastore-file", "rules.txt")
    assert said.startswith(
        "Error: rules.txt is no datastore export: it looks like the output of iptables-save; give that as --ruleset; "
    )


def test_missing_files_are_named_together() -> None:
    assert refused("report", "--ruleset", "no", "--datastore-file", "none") == (
        "Error: 2 problems in the settings:\n"
        '  - flag --datastore-file: "none" does not exist; allowed: a file, or - for standard input\n'
        '  - flag --ruleset: "no" does not exist; allowed: a file, or - for standard input\n'
        "All settings are in docs/configuration.md.\n"
    )


def test_a_ruleset_comes_from_standard_input_too(folder: Path) -> None:
    rules = (folder / "rules.txt").read_text()
    runner = CliRunner(env={"NODENAME": "n"})
    piped = runner.invoke(main, ["report", "--ruleset", "-"], input=rules)
    assert (piped.exit_code, piped.output) == (0, runner.invoke(main, ["report", "--ruleset", "rules.txt"]).output)
    assert refused("report", "--ruleset", "-", stdin="hello") == (
        f"Error: standard input holds neither a filter table nor a table calico: {SAVE}\n"
    )


@pytest.mark.usefixtures("folder")
def test_offline_no_server_is_asked_though_the_environment_names_one() -> None:
    variables = {"NODENAME": "n", "ETCD_ENDPOINTS": "http://127.0.0.1:1", "KUBECONFIG": os.devnull}
    result = CliRunner(env=variables).invoke(main, ["report", "--drops", "--ruleset", "rules.txt"])
    assert (result.exit_code, result.stderr) == (0, "")
