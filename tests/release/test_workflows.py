"""The workflows are what GitHub understands, have no hole that is known, and change the files they mean to change."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

from tests.node.programs import PATH, find_program

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DIGEST = "sha256:" + "5" * 64
RELEASE = {"PATH": PATH, "REGISTRY": "registry.example.com/team", "IMAGE": "registry.example.com/team/otel-calico",
           "VERSION": "0.1.0", "DIGEST": DIGEST}  # fmt: skip


def scripts(name: str) -> dict[str, str]:
    """Every step's shell script in a workflow, by the step's name."""
    jobs: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job.get("steps", ())]
    return {step.get("name", step["run"]): step["run"] for step in steps if "run" in step}


def run_sed(step: str, folder: Path) -> None:
    """Run the command of a step that changes files, in a folder that has them."""
    found = re.search(r"^sed .*?[^\\]$", scripts("release.yml")[step], re.MULTILINE | re.DOTALL)
    assert found is not None
    subprocess.run(["sh", "-euc", found[0]], cwd=folder, env=RELEASE, check=True, timeout=30)


@pytest.mark.parametrize(
    "command",
    [["check-jsonschema", "--builtin-schema", "vendor.github-workflows"], ["zizmor", "--offline", "--no-progress"]],
    ids=lambda command: command[0],
)
def test_the_workflows_have_no_findings(command: list[str]) -> None:
    whole = [find_program(command[0]), *command[1:], *map(str, WORKFLOWS)]
    linted = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_make_target_of_the_workflows_exists() -> None:
    called = {target for file in WORKFLOWS for script in scripts(file.name).values()
              for target in re.findall(r"\bmake ([a-z]+)$", script, re.MULTILINE)}  # fmt: skip
    assert called == {"test", "image"}
    assert called <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_published_chart_names_the_published_image(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "charts", tmp_path / "charts")
    run_sed("Publish the chart, with this image in it, and sign", tmp_path)
    with helm.Chart.load(tmp_path / "charts" / "otel-calico") as chart:
        rendered = chart.render(name="otel-calico", namespace="otel-calico")
    image = f"image: {RELEASE['IMAGE']}:0.1.0@{DIGEST}\n"
    assert image in rendered["otel-calico/templates/daemonset.yaml"]


def test_the_published_manifest_names_the_published_image(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    run_sed("Make the release", tmp_path)
    lines = (tmp_path / "config" / "kubernetes.yaml").read_text().splitlines()
    assert [line.strip() for line in lines if "image: " in line] == [f"image: {RELEASE['IMAGE']}:0.1.0@{DIGEST}"]


def test_chart_package_and_changelog_have_one_version() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "otel-calico" / "Chart.yaml").read_text())
    (version,) = re.findall(r'__version__ = "(.*)"', (ROOT / "otel_calico" / "__init__.py").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
