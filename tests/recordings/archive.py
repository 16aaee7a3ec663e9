"""The archives that hold the recordings: `NAME.tar.xz`, whose files lie in one folder NAME."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FELIX = Path(__file__).parent / "felix"


@dataclass(frozen=True)
class Archived:
    """What an archive holds, by its name, which begins with `RELEASE-DATAPLANE`."""

    name: str

    @property
    def release(self) -> str:
        """Calico's, `v3.32.1`."""
        return self.name.split("-")[0]

    @property
    def version(self) -> tuple[int, int]:
        """The release's major and minor number, to compare."""
        return release_version(self.name)

    @property
    def dataplane(self) -> str:
        """`legacy`, `nft` or `native`."""
        return self.name.split("-")[1]

    def __str__(self) -> str:
        """The name, also in the ids of tests."""
        return self.name


def names(folder: Path) -> list[str]:
    """Names of a folder's archives, in order of the release."""
    found = (path.name.removesuffix(".tar.xz") for path in folder.glob("*.tar.xz"))
    return sorted(found, key=lambda name: (release_version(name), name))


def release_version(name: str) -> tuple[int, int]:
    """The release in an archive's name, `v3.32.1-nft-plain`, as (3, 32)."""
    major, minor, _ = re.findall(r"\d+", name)[:3]
    return int(major), int(minor)


@cache
def texts(folder: Path, name: str) -> Mapping[str, str]:
    """The texts of an archive by file name, in order of their names."""
    found: dict[str, str] = {}
    with tarfile.open(folder / f"{name}.tar.xz") as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                found[Path(member.name).name] = file.read().decode()
    return dict(sorted(found.items()))
