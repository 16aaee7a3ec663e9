"""What the members of a group decided between two scans, and what one of them must have decided at least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from otel_calico.attribution.plan import GroupPlan
from otel_calico.calico.model import Verdict

Bounds = Mapping[Verdict, Sequence[int]]
"""For each verdict, one number per member of a group: the packets (or bytes) that it decided so are not more."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of a group's members on all endpoints together."""

    packets: Bounds
    octets: Bounds

    def least(self, verdict: Verdict, member: int, whole: int, *, octets: bool) -> int:
        """Of `whole` that the group decided on one endpoint, what must have been this member: the others cannot
        have decided more than they did on all endpoints together.
        """
        bounds = (self.octets if octets else self.packets)[verdict]
        return max(0, whole - (sum(bounds) - bounds[member]))


@dataclass(frozen=True, slots=True)
class Tally:
    """Packets (or bytes) of one interval, as three places counted them.

    Endpoint chains: `entered` the group, `decided` by it (if not `is_exact`: at most). The group's chain: `lines`, what
    entered each member. The members' chains: `own`, per member the gains of its deciding rules, of whoever they served.
    """

    entered: int
    decided: int
    is_exact: bool
    lines: Sequence[int]
    own: Sequence[Sequence[int]]

    @property
    def agrees(self) -> bool:
        """False where the places contradict each other: packets passed while they were read, or rules were reset."""
        last = len(self.lines) - 1
        return self.lines[0] == self.entered and all(
            decided >= 0 and (decided <= sum(own) or (place == last and not self.is_exact))
            for place, (decided, own) in enumerate(zip(self.by_member, self.own, strict=True))
        )

    @property
    def by_member(self) -> Sequence[int]:
        """What each member decided: what entered it and did not enter the next. The last one decided the rest."""
        return [
            *(line - following for line, following in pairwise(self.lines)),
            self.decided - (self.lines[0] - self.lines[-1]),
        ]

    def bounds(self, group: GroupPlan) -> Bounds:
        """The most that each member decided in each way.

        A member's rules tell its verdicts apart where they counted for this group alone. Where they served others
        too, all that the member decided may have been either.
        """
        found: dict[Verdict, list[int]] = {verdict: [] for verdict in Verdict}
        for member, decided, own in zip(group.members, self.by_member, self.own, strict=True):
            deciding = member.verdicts.deciding
            for verdict, bounds in found.items():
                mine = sum(gain for (given, _), gain in zip(deciding, own, strict=True) if given is verdict)
                bounds.append(mine if sum(own) == decided else decided * member.verdicts.can(verdict))
        return found
