"""What the commands print of some recordings, word for word, as it was when somebody last read it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.recordings.recording import RECORDINGS, Recording
from tests.recordings.saved import ENVIRONMENT, FILES, save
from tests.terminal.printed import printed

FOLDER = Path(__file__).parent / "transcripts"
KEPT = [
    recording
    for recording in RECORDINGS
    if recording.name
    in {
        "v3.21.6-legacy-plain",
        "v3.26.5-legacy-reject",
        "v3.28.5-nft-marks",
        "v3.29.7-native-plain",
        "v3.30.7-nft-flowlogs",
        "v3.32.1-native-logdrop",
    }
]
"""Recordings that differ most: dataplanes, names of chains, groups, tiers, flavours."""

ENDPOINTS = ("shop/web-0", "shop/web-1", "shop/db-0", "shop/closed-0", "ops/probe", "ops/legacy-0", "ext0")
POLICIES = ("shop/allow-web", "default.db-only", "shop/deny-all", "host-in", "host-untracked")
COMMANDS: Sequence[Sequence[str]] = (
    ("check",),
    ("report", *FILES),
    ("report", "--unused", *FILES),
    *(("explain", target, *FILES) for target in (*ENDPOINTS, *POLICIES)),
)


def transcript(recording: Recording) -> str:
    """The commands and what they print now."""
    with tempfile.TemporaryDirectory() as folder:
        save(recording, Path(folder))
        return printed(Path(folder), COMMANDS, ENVIRONMENT)


def kept_transcript(recording: Recording) -> str:
    """The kept text."""
    return _file(recording).read_text()


def keep_transcripts() -> None:
    """Keep the texts of now."""
    FOLDER.mkdir(exist_ok=True)
    for recording in KEPT:
        _file(recording).write_text(transcript(recording))


def _file(recording: Recording) -> Path:
    return FOLDER / f"{recording}.txt"
