"""Prometheus' own tool, which checks rules and tells stories to them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.node.programs import find_program


def promtool(*arguments: str, folder: Path) -> None:
    """Run a check of rules. Fails with all that it says."""
    command = [find_program("promtool"), *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def tell(stories: Sequence[Mapping[str, Any]], folder: Path, *, evaluated_each: str = "1m") -> None:
    """Tell stories to the rules in the folder's rules.yml."""
    told = {"rule_files": ["rules.yml"], "evaluation_interval": evaluated_each, "tests": stories}
    (folder / "stories.yaml").write_text(yaml.safe_dump(told))
    promtool("test", "rules", "stories.yaml", folder=folder)
