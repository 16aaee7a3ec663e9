"""The command line: what it teaches, and how it says no."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_calico import __version__
from otel_calico.cli import main
from otel_calico.cli.commands import check, demo, serve
from otel_calico.cli.reference import page
from otel_calico.config import OPTIONS

ENVIRONMENT = {"NODENAME": "n"}
ROOT = Path(__file__).parents[1]


def run(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and standard error of the command, in a process with this environment and no other."""
    ended = subprocess.run(
        [sys.executable, "-m", "otel_calico", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **(environ or ENVIRONMENT)},
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_bad_settings_end_the_start_with_all_reasons_and_code_2(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    environ = ENVIRONMENT | {"MINIMUM_COUNTER": "few", "OTEL_CALICO_PROMETHEUS_NAMES": "x"}
    assert run("serve", "--config", str(missing), "--port", "http", environ=environ) == (
        2,
        f"""Error: 4 problems in the settings:
  - environment OTEL_CALICO_PROMETHEUS_NAMES: unknown variable; did you mean OTEL_CALICO_PROMETHEUS_NAMING?
  - file {missing}: cannot be read: No such file or directory
  - environment MINIMUM_COUNTER: "few" is no whole number; allowed: a whole number from 0
  - flag --port: "http" is no whole number; allowed: a whole number from 0 to 65535
All settings are in docs/configuration.md.
""",
    )


@pytest.mark.parametrize("command", ["serve", "check"])
def test_the_config_file_may_be_named_by_a_variable(command: str, tmp_path: Path) -> None:
    file = tmp_path / "otel-calico.yaml"
    file.write_text("nodes:\n")
    result = CliRunner(env={"OTEL_CALICO_CONFIG": str(file)}).invoke(main, [command])
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: file {file}, line 1, key nodes: unknown key; did you mean node?\n",
    )


def test_the_demo_reads_no_config_file() -> None:
    result = CliRunner(env={"OTEL_CALICO_CONFIG": "/no/such/file"}).invoke(main, ["demo", "--port", "x"])
    assert (result.exit_code, result.stderr) == (
        2,
        'Error: flag --port: "x" is no whole number; allowed: a whole number from 0 to 65535\n',
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["serve", "--prot", "1"], "Error: No such option '--prot'."),
        (["surve"], "Error: No such command 'surve'."),
        (["explain"], "Error: Missing argument 'TARGET'."),
        (
            ["report", "--interval", "x"],
            "Error: Invalid value for '--interval': \"x\" is no duration; allowed: a duration",
        ),
        (
            ["report", "--ruleset", "-", "--interval", "1s"],
            "Error: counters of a saved file do not change: leave out --interval and --watch, or --ruleset",
        ),
        (
            ["report", "--ruleset", "-", "--kubeconfig", "k"],
            "with --ruleset no server is asked: leave out --kubeconfig",
        ),
        (["report", "--unused", "--drops"], "Error: --unused is about the whole node since Felix wrote its rules"),
        (["report", "--watch", "--output", "json"], "Error: --watch is for people; take --interval with --output json"),
        (["demo", "--ruleset", "-"], "Error: No such option '--ruleset'."),
    ],
)
def test_a_wrong_argument_is_refused_with_code_2(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"otel-calico, version {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "demo", "check", "report", "explain"])
def test_help_teaches_by_example_and_says_where_the_settings_are(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Examples:\n    otel-calico " in result.output
    assert "docs/configuration.md" in result.output
    if command in {"serve", "demo", "check"}:
        variables = "[env: METRICS_SERVER_PORT, OTEL_EXPORTER_PROMETHEUS_PORT] [default: 9009]"
        assert variables in " ".join(result.output.split())


def test_every_flag_of_the_table_of_settings_is_a_flag_of_serve() -> None:
    flags = {flag for parameter in serve.params for flag in parameter.opts}
    assert flags == {option.flag for option in OPTIONS if option.flag} | {"--config"}
    assert {flag for parameter in check.params for flag in parameter.opts} == flags - {
        "--ruleset",
        "--ebpf-state",
        "--datastore-file",
    }
    assert "--config" not in {flag for parameter in demo.params for flag in parameter.opts}


def test_no_secret_can_be_given_as_a_flag() -> None:
    assert [option.key for option in OPTIONS if option.secret and option.flag] == []


def test_help_loads_neither_opentelemetry_nor_grpc() -> None:
    program = (
        "import sys\nfrom otel_calico.cli import main\nmain(['report', '--help'], standalone_mode=False)\n"
        "sys.exit(str({'opentelemetry', 'grpc', 'pyetcd', 'rich', 'structlog'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == "set()\n"


def test_the_service_loads_no_rich_though_it_is_installed() -> None:
    program = (
        "import sys\nfrom otel_calico.cli.starting import load_settings\nload_settings({}, on_a_node=False)\n"
        "import otel_calico.service.app, structlog\n"
        "loaded = [name for name in sys.modules if name.partition('.')[0] == 'rich']\n"
        "import rich.table\n"
        "sys.exit(str(loaded))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == "[]\n"


def test_the_page_of_commands_is_up_to_date() -> None:
    assert page() == (ROOT / "docs" / "cli.md").read_text(), "run: python -m otel_calico.cli.reference docs/cli.md"


def test_bash_completes_commands_and_flags() -> None:
    script = CliRunner().invoke(main, ["completion", "bash"]).output
    words = "COMP_WORDS=(otel-calico report --dr); COMP_CWORD=2; _otel_calico_completion otel-calico"
    program = f'{script}\n{words}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, timeout=60, env={"PATH": path}, check=False
    )
    assert (ended.stdout, ended.stderr) == ("--drops\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_their_own_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_OTEL_CALICO_COMPLETE={shell}_complete" in result.output
