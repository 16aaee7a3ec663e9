"""docs/releases.md lists every recording and every sequence, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from tests.recordings import RECORDINGS, SEQUENCES

PAGE = Path(__file__).parents[2] / "docs" / "releases.md"
WORDS = {"plain": "defaults", "logdrop": "log and drop", "flowlogs": "flow logs"}
DATAPLANES = ("legacy", "nft", "native")


def listed() -> set[tuple[str, str, str]]:
    """Release, dataplane and word of the page's table."""
    found = set()
    for release, *cells in re.findall(r"^\| (v[\d.]+) \| (.*) \| (.*) \| (.*) \|$", PAGE.read_text(), re.MULTILINE):
        for dataplane, cell in zip(DATAPLANES, cells, strict=True):
            found |= {(release, dataplane, word) for word in cell.split(", ") if word.isascii()}
    return found


def test_the_page_lists_what_there_is() -> None:
    recorded = {(one.release, one.dataplane, WORDS.get(one.flavour, one.flavour)) for one in RECORDINGS}
    assert listed() == recorded | {(one.release, one.dataplane, "sequence") for one in SEQUENCES}
