"""How pip and apt of this machine reach their packages, as files for a build to read: never part of the image."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

_OF_THE_NETWORK = {"cert", "extra-index-url", "index-url", "proxy", "retries", "timeout", "trusted-host"}
_AUTHORITIES = "/etc/pip-authorities.pem"


def mounts(directory: Path) -> list[str]:
    """Arguments of `--volume`, for files that are written to the directory."""
    pip, apt = directory / "pip.conf", directory / "apt.conf"
    settings = _pip_settings()
    authorities = settings.get("cert")
    if authorities:
        settings["cert"] = _AUTHORITIES
    pip.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    apt.write_text("".join(f"{line}\n" for line in _apt_settings()))
    files = {str(pip): "/etc/pip.conf", str(apt): "/etc/apt/apt.conf.d/99machine"}
    return [
        f"{here}:{there}:ro" for here, there in (files | ({authorities: _AUTHORITIES} if authorities else {})).items()
    ]


def mirror() -> str | None:
    """The address that this machine has Debian's packages from; None if it is no Debian."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    lists = subprocess.run([*command, "Label: Debian"], capture_output=True, text=True, check=True, timeout=60)
    return next(iter(lists.stdout.split()), None)


def _pip_settings() -> dict[str, str]:
    """Of pip's configuration files and the environment, which counts before them."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    found: dict[str, str] = {}
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        if (name := key.rpartition(".")[2]) in _OF_THE_NETWORK:
            found[name] = "\n  ".join(str(ast.literal_eval(value)).split("\n"))
    return found


def _apt_settings() -> list[str]:
    command = ["apt-config", "dump", "Acquire"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return [line for line in lines if line.startswith(("Acquire::http", "Acquire::Check-"))]
