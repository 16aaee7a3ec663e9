"""One sequence: dumps that were read one after the other while policies, pods and packets came and went."""

from __future__ import annotations

from tests.recordings.archive import FELIX, Archived, names, texts

_FOLDER = FELIX / "sequences"


class DumpSequence(Archived):
    """A sequence by its name `RELEASE-DATAPLANE`."""

    @property
    def dumps(self) -> tuple[str, ...]:
        """IPv4's filter table, or its table calico of nftables, in the order of reading."""
        return tuple(texts(_FOLDER, self.name).values())


SEQUENCES = tuple(map(DumpSequence, names(_FOLDER)))
"""All sequences, oldest release first. Each is unpacked when it is first read."""
