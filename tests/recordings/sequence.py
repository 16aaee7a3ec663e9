"""One sequence: dumps that were read one after the other while policies, pods and packets came and went."""

from __future__ import annotations

from dataclasses import dataclass

from tests.recordings.archive import FELIX, names, release_version, texts

_FOLDER = FELIX / "sequences"


@dataclass(frozen=True)
class DumpSequence:
    """A sequence by its name `RELEASE-DATAPLANE`."""

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

    @property
    def dumps(self) -> tuple[str, ...]:
        """IPv4's filter table, or its table calico of nftables, in the order of reading."""
        return tuple(texts(_FOLDER, self.name).values())

    def __str__(self) -> str:
        """The name, also in the ids of tests."""
        return self.name


SEQUENCES = tuple(map(DumpSequence, names(_FOLDER)))
"""All sequences, oldest release first. Each is unpacked when it is first read."""
