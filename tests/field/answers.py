"""What the product says of a case: its commands, and the page of its service without what the clock tells.

`python -m tests.field.answers` keeps the answers of now. Read what Git says of them before you commit.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.field.cases import CASES, FILES, Case
from tests.recordings.replay import Replay
from tests.terminal.printed import printed

TRANSCRIPTS = Path(__file__).parent / "transcripts"
_OWN = (
    "otel_calico_chains_",
    "otel_calico_interfaces_",
    "otel_calico_ruleset_malformed_",
    "otel_calico_ruleset_rules",
    "otel_calico_scan_success",
    "otel_calico_scans_",
    "otel_calico_tier_",
    "otel_calico_workloads_",
)


def answer(case: Case) -> str:
    """All of it as one text."""
    commands = [
        ("report", *case.flags),
        ("report", "--drops", *case.flags),
        *(("explain", target, *case.flags) for target in case.targets),
    ]
    env = {"NODENAME": "node1", **case.env}
    told = printed(FILES, commands, env)
    checked = printed(FILES, [("check",)], case.environment)
    return f"{told}\n{checked}\n$ curl localhost:9009/metrics\n{_series(case)}"


def kept_answer(case: Case) -> str:
    """As it was when somebody last read it."""
    return (TRANSCRIPTS / f"{case.name}.txt").read_text()


def _series(case: Case) -> str:
    resources = (FILES / case.resources).read_text() if case.resources else ""
    with tempfile.TemporaryDirectory() as folder:
        replay = Replay(Path(folder), resources, case.env)
        replay.show((FILES / case.ruleset).read_bytes())
        lines = replay.page().splitlines()
    return "".join(f"{line}\n" for line in lines if _is_told(line))


def _is_told(line: str) -> bool:
    if line.startswith(("#", "calico_policy_last_hit_time_seconds")):
        return False
    return line.startswith(("calico_", "no_policy_drop_", "policy_accept_", *_OWN))


if __name__ == "__main__":
    TRANSCRIPTS.mkdir(exist_ok=True)
    for one in CASES:
        (TRANSCRIPTS / f"{one.name}.txt").write_text(answer(one))
