"""The page at `/metrics` of each recording, as it was when somebody last read it."""

from __future__ import annotations

import io
import lzma
import re
import tarfile
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

from tests.recordings.archive import texts
from tests.recordings.recording import RECORDINGS, Moment, Recording
from tests.recordings.replay import pages

FOLDER, NAME = Path(__file__).parent, "pages"

_VALUE_VARIES = re.compile(
    r"^((?:process_|otel_calico_scan_duration_|otel_calico_scan_last_success_)\S+) .*", re.MULTILINE
)
_LABELS_VARY = re.compile(r'(?<==)"[^"]*"(?=.*\} 1\.0$)')
_LAST_HIT = re.compile(r"^(calico_policy_last_hit_time_seconds\{.*\}) [1-9]\d*$", re.MULTILINE)


def page(recording: Recording) -> str:
    """The page after all packets, as it is kept."""
    return masked(pages(recording)[Moment.AFTER])


def masked(text: str) -> str:
    """A page without what the clock, the machine and our own version say."""
    text = _LAST_HIT.sub(r"\1 …", _VALUE_VARIES.sub(r"\1 …", text))
    about_us = ("target_info{", "otel_calico_build_info{")
    lines = (_LABELS_VARY.sub('"…"', line) if line.startswith(about_us) else line for line in text.splitlines())
    return "\n".join(lines) + "\n"


def kept(recording: Recording) -> str:
    """The kept page; empty for a recording that has none."""
    return kept_pages().get(f"{recording}.txt", "")


def kept_pages() -> Mapping[str, str]:
    """All kept pages by file name."""
    return texts(FOLDER, NAME)


def difference(recording: Recording) -> str:
    """How the page differs from the kept one, as a unified diff; empty if it does not."""
    lines = unified_diff(
        kept(recording).splitlines(), page(recording).splitlines(), f"kept/{recording}", f"now/{recording}", lineterm=""
    )
    return "\n".join(lines)


def keep_pages() -> None:
    """Keep the pages of now."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for recording in RECORDINGS:
            content = page(recording).encode()
            member = tarfile.TarInfo(f"{NAME}/{recording}.txt")  # no time and no owner: the same pages, the same bytes
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (FOLDER / f"{NAME}.tar.xz").write_bytes(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))
