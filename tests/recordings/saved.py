"""A recording as the files that a user mails in: the tables after all packets, and the export."""

from __future__ import annotations

from pathlib import Path

from tests.recordings.recording import Moment, Recording

FILES = ("--ruleset", "rules", "--datastore-file", "resources.yaml")
"""The files, as flags of commands that run in their folder."""

ENVIRONMENT = {
    "NODENAME": "node-1",
    "OTEL_CALICO_IPTABLES_RULESET_FILE": "rules",
    "OTEL_CALICO_DATASTORE_FILE": "resources.yaml",
    "OTEL_CALICO_METRICS_FAMILIES": "accountant,policy,workload,rule",
}
"""The same as settings for `check`, which has no such flags."""


def save(recording: Recording, folder: Path) -> None:
    """Write the files."""
    (folder / "rules").write_text(recording.dumps(Moment.AFTER))
    (folder / "resources.yaml").write_text(recording.resources)
