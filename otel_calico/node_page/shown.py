"""The scans that a page shows: the latest, and a former one to compare it with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from otel_calico.calico.lookups import Lookups
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.view import view_of
from otel_calico.node_page.movement import Movement
from otel_calico.scanning.scan import Scan


@dataclass(frozen=True)
class Shown:
    """The latest scan of a node, and a former one to compare it with."""

    former: Scan | None
    latest: Scan
    lookups: Lookups

    @property
    def movement(self) -> Movement:
        """What its series gained."""
        return Movement(self.former.snapshot if self.former else None, self.latest.snapshot)

    @cached_property
    def view(self) -> NodeView:
        """Its rules, explained."""
        return view_of(self.latest, self.lookups, self.former)
