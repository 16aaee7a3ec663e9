"""`python -m endurance.audit`: known vulnerabilities of every package that is installed here, asked of PyPI.

Exits with 1 if there are any, and with 2 if PyPI could not be asked: no answer is no good news.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from endurance.table import markdown

HEAD = ("Package", "Version", "Vulnerability", "Fixed in")
_OURS = "otel-calico"


def main() -> int:
    """The command."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--progress-spinner=off",
        "--format=json",
        "--vulnerability-service=pypi",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        return _unanswered(ended.stderr.strip()[-500:])
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    """Print what pip-audit found; the exit code."""
    unknown = [package["name"] for package in packages if "skip_reason" in package and package["name"] != _OURS]
    if unknown:
        return _unanswered(f"it does not know {len(unknown)} of {len(packages)} packages, such as {unknown[0]}")
    rows = [
        (package["name"], package["version"], found["id"], ", ".join(found["fix_versions"]) or "no release yet")
        for package in packages
        for found in package.get("vulns", ())
    ]
    print(markdown(HEAD, rows) if rows else f"{len(packages)} packages, no known vulnerability")
    return 1 if rows else 0


def _unanswered(why: str) -> int:
    sys.stderr.write(
        f"PyPI's JSON API could not be asked about vulnerabilities: {why}\n"
        "Run this where PyPI itself answers; a mirror of the packages alone does not have them.\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
