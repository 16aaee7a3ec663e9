"""The archives that hold the recordings: `NAME.tar.xz`, whose files lie in one folder NAME."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FELIX = Path(__file__).parent / "felix"


def names(folder: Path) -> list[str]:
    """Names of a folder's archives, in order of the release."""
    return sorted((path.name.removesuffix(".tar.xz") for path in folder.glob("*.tar.xz")), key=_release)


def _release(name: str) -> tuple[list[int], str]:
    release = name.partition("-")[0]
    return [int(number) for number in re.findall(r"\d+", release)], name


@cache
def texts(folder: Path, name: str) -> Mapping[str, str]:
    """The texts of an archive by file name, in order of their names."""
    found: dict[str, str] = {}
    with tarfile.open(folder / f"{name}.tar.xz") as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                found[Path(member.name).name] = file.read().decode()
    return dict(sorted(found.items()))
