"""What commands print, as somebody at a terminal would see it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from click.testing import CliRunner

from otel_calico.cli import main


def printed(folder: Path, commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> str:
    """Each command, what it prints in this folder, and its exit code in brackets."""
    texts = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        for command in commands:
            result = CliRunner(env=env).invoke(main, command)
            texts.append(f"$ otel-calico {' '.join(command)}\n{result.output}[{result.exit_code}]\n")
    finally:
        os.chdir(before)
    return "\n".join(texts)
