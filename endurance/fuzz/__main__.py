"""`python -m endurance.fuzz [TARGET …] [--seconds N] [--keep] [--write FILE]`: fuzz, tell, print the table.

What is found grows in `.fuzz/` from run to run; an input that breaks a promise is kept there as `crash-…`, `oom-…`
or `timeout-…`. `--keep` copies what reaches new code into the corpus that the suite replays. Exits with 1 if
a promise broke.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from endurance.fuzz.seeds import CORPUS, seeds
from endurance.table import markdown, progress, write

ROOT = Path(__file__).parents[2]
FOUND = ROOT / ".fuzz"
TARGETS = (
    "ruleset",
    "nft_export",
    "netlink",
    "mailed",
    "resource",
    "export",
    "api_list",
    "kubeconfig",
    "settings",
    "web_config",
    "scans",
)
HEAD = ("Target", "Inputs tried", "Edges reached", "Inputs kept", "Found")
_SECONDS = 60
_LIMITS = ("-max_len=65536", "-timeout=10", "-rss_limit_mb=2048")
_KEPT, _KEPT_LENGTH = 20, 2000  # inputs of a target in the repository, and bytes of one
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+).*?corp: (\d+)")


def fuzz(target: str, seconds: int) -> tuple[str, str, str, str, str]:
    """A row of the table."""
    folder, bad = FOUND / target, FOUND / "broken"
    folder.mkdir(parents=True, exist_ok=True)
    bad.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    prefix = f"-artifact_prefix={bad}/{target}-"
    said = _guided(target, str(folder), f"-max_total_time={seconds}", prefix, *_LIMITS)
    done = _DONE.search(said)
    broken = sorted(file.name for file in bad.glob(f"{target}-*"))
    if not done and not broken:
        raise RuntimeError(f"fuzzing {target} ended early: {said[-2000:]}")
    return target, *(done.groups() if done else ("", "", "")), ", ".join(broken) or "nothing"  # type: ignore[return-value]


def keep(target: str) -> None:
    """Take some of the inputs that reached new code into the repository: the largest of the small ones."""
    found = sorted(FOUND.glob(f"{target}/*"), key=lambda file: (file.stat().st_size, file.name))
    small = [file for file in found if file.stat().st_size <= _KEPT_LENGTH and not file.name.startswith("seed-")]
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for file in small[-_KEPT:]:
        shutil.copy(file, CORPUS / target / file.name[:12])


def _guided(target: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "endurance.fuzz.guided", target, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False).stderr


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m endurance.fuzz", description="Fuzz, guided by coverage.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is given")
    parser.add_argument("--seconds", type=int, default=_SECONDS, metavar="N", help=f"for each target ({_SECONDS})")
    parser.add_argument("--keep", action="store_true", help="take what reaches new code into the corpus")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also put the table into this document")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    rows = []
    for target in given.targets or TARGETS:
        rows.append(fuzz(target, given.seconds))
        progress(" | ".join(rows[-1]))
        if given.keep:
            keep(target)
    table = markdown(HEAD, rows)
    print(table)
    if given.write:
        write(given.write, "fuzz", table)
    sys.exit(any(row[-1] != "nothing" for row in rows))


if __name__ == "__main__":
    main()
