"""A source whose dumps are held in memory, for tests of what happens to dumps."""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.calico.model import IPVersion
from otel_calico.sources.ruleset_source import Dump, GivenRules

BARE = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
"""The filter table of a node without Calico."""


class MemorySource(GivenRules):
    """A RulesetSource that shows what `dumps` holds; `error`, if set, is raised instead."""

    backend = "nft"

    def __init__(self, text: str = BARE) -> None:
        self.dumps = {IPVersion.V4: text}
        self.error: Exception | None = None
        self.unlocked = False
        self.reads = 0

    def read(self) -> Sequence[Dump]:
        self.reads += 1
        if self.error:
            raise self.error
        return [Dump(version, text) for version, text in self.dumps.items()]
