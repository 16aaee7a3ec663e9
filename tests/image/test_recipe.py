"""The image: its recipe is clean, and its health check tells a live service from a dead one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node.programs import PATH, Program, find_program, free_port
from tests.node.web import answers

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def health_check(port: int) -> int:
    """Run the image's health check against a port of this machine; returns its exit code."""
    text = DOCKERFILE.read_text().replace("\\\n", "")
    found = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    program, *arguments = json.loads(found[1])
    assert program == "python"
    environment = {"PATH": PATH, "METRICS_SERVER_PORT": str(port)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, check=False, timeout=30
    ).returncode


def test_the_dockerfile_has_no_findings() -> None:
    linted = subprocess.run(
        [find_program("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


@pytest.mark.slow
def test_the_health_check_knows_a_service_that_lives_from_one_that_does_not() -> None:
    port = free_port()
    assert health_check(port) != 0
    with Program("demo") as demo:
        demo.launch([sys.executable, "-m", "otel_calico", "demo", "--port", str(port)])
        demo.wait(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "demo serves", seconds=30)
        assert health_check(port) == 0
