"""What the files around the code promise: the image, the wheel, the example configurations, the house rules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from otel_calico import __version__
from otel_calico.snapshot import FAILURE_KINDS
from tests.node.programs import find_program

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "otel_calico"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [line.split() for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line[:1].isupper()]


def load_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / "config" / name).read_text())


def test_the_image_copies_files_that_exist_and_are_not_ignored() -> None:
    copied = [path.removeprefix("./") for word, *paths in INSTRUCTIONS if word == "COPY" for path in paths[:-1]
              if not any(path.startswith("--from") for path in paths)]  # fmt: skip
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.partition("/")[0] for path in copied} == allowed
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_the_image_has_the_programs_of_both_backends_and_serves() -> None:
    installed = next(words for words in INSTRUCTIONS if "apt-get" in words)
    assert {"iptables", "nftables", "--no-install-recommends"} <= set(installed)
    assert ["ENTRYPOINT", '["otel-calico"]'] in INSTRUCTIONS
    assert ["CMD", '["serve"]'] in INSTRUCTIONS


def test_image_and_changelog_name_the_version_of_the_package() -> None:
    assert ["ARG", f"VERSION={__version__}"] in INSTRUCTIONS
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("otel_calico/")}
    present = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {str(path.relative_to(ROOT)) for path in present}
    assert "otel_calico/demo/node.v6.rules" in packed


def test_only_the_command_line_and_the_configuration_read_the_environment() -> None:
    readers = users_of({"environ", "environb", "getenv"})
    assert {path.relative_to(PACKAGE).parts[0] for path in readers} <= {"cli", "config"}
    assert readers, "the search finds nothing at all"


def test_programs_are_started_in_one_place_alone() -> None:
    starters = users_of({"fork", "popen", "posix_spawn", "posix_spawnp", "spawnv", "system", "execv", "execvp"})
    assert {str(path.relative_to(PACKAGE)) for path in starters} == {"sources/command.py"}
    imports = re.compile(r"\b(import|from) (subprocess|multiprocessing|pty)\b")
    assert not [path for path in PACKAGE.rglob("*.py") if imports.search(path.read_text())]


def users_of(names: set[str]) -> set[Path]:
    """The modules that use an attribute of one of these names, such as `os.NAME`."""
    return {path for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in names}  # fmt: skip


@pytest.mark.node
def test_prometheus_accepts_the_example_configuration(tmp_path: Path) -> None:
    configuration = load_yaml("prometheus.yml")
    daemon_set = configuration["scrape_configs"][0]
    assert daemon_set.pop("kubernetes_sd_configs") == [{"role": "pod"}]  # Debian's Prometheus is built without it
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    command = [find_program("promtool"), "check", "config", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_example_collector_uses_what_it_configures() -> None:
    configuration = load_yaml("otel-collector.yaml")
    assert set(configuration["receivers"]["otlp"]["protocols"]) == {"grpc", "http"}
    for pipeline in configuration["service"]["pipelines"].values():
        for stage, names in pipeline.items():
            assert set(names) <= set(configuration[stage])


def test_example_prometheus_scrapes_the_default_port() -> None:
    daemon_set, local = load_yaml("prometheus.yml")["scrape_configs"]
    replaced = [rule["replacement"] for rule in daemon_set["relabel_configs"] if "replacement" in rule]
    assert replaced == ["$1:9009", "[$1]:9009"]
    assert local["static_configs"] == [{"targets": ["localhost:9009"]}]


def test_the_metrics_reference_lists_every_reason_of_a_failed_scan() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page.partition("`reason` of a failed scan:")[2], re.MULTILINE))
    assert {kind: listed.get(kind) for kind in FAILURE_KINDS} == FAILURE_KINDS
