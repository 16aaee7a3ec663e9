"""Compares the counters that tell what members of policy groups decided between two scans.

A group's chain is shared by its endpoints, and a member's chain by all groups and endpoints of the node. Three
places count the same packets: the jumps of the endpoint chains to the group, the jumps of the group to its members,
the rules of the members. They are read one after the other while packets pass, so they are believed only where they
agree, in this interval and in the one before (docs/group-attribution.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_calico.accounting.decisions import Decisions, Tally
from otel_calico.accounting.gains import any_fell, gains
from otel_calico.accounting.interval import Interval
from otel_calico.attribution.plan import GroupJump, GroupPlan
from otel_calico.calico.model import Verdict
from otel_calico.failed_parts import FailedParts, ScanPart
from otel_calico.ruleset.ruleset import Chain

_Chains = Mapping[str, Chain]


class GroupWatch:
    """The groups of one IP version, scan after scan."""

    def __init__(self) -> None:
        self._out_of_step: frozenset[str] = frozenset()

    def look(self, interval: Interval, failed: FailedParts) -> Mapping[str, Decisions]:
        """What the members of each group that moved decided since the scan before, by the group's chain.

        Groups of which nothing is known are left out. The first scan compares what was counted ever: where that agrees,
        no packet was on its way, and no counter was reset.
        """
        moved = failed.attempt(ScanPart.GROUP_SHARES, "", _moved, interval)
        if moved is None:
            self._out_of_step = frozenset(interval.now.plan.groups)
            return {}
        former, out_of_step = self._out_of_step, set[str]()
        found: dict[str, Decisions] = {}
        for of_group in moved:
            name = of_group.group.chain
            told = failed.attempt(ScanPart.GROUP_SHARES, name, _decisions, of_group, was_in_step=name not in former)
            agree, decisions = told or (False, None)
            if not agree:
                out_of_step.add(name)
            if decisions:
                found[name] = decisions
        self._out_of_step = frozenset(out_of_step)
        return found


@dataclass(frozen=True, slots=True)
class _GroupInterval:
    """A group between two scans: the chains now and before, and the jumps of the endpoint chains that moved."""

    group: GroupPlan
    jumps: Sequence[tuple[str, GroupJump]]
    now: _Chains
    before: _Chains

    def rules_held(self, *, anew: bool) -> bool:
        """True if the group and its members say what they said before; only then their rules tell what they did.

        With `anew`, chains that are new count as well: what they lost since they were made shows in the counts.
        """
        names = (self.group.chain, *(member.chain for member in self.group.members))
        return all(
            (now := self.now.get(name)) is not None
            and (now.layout is before.layout if (before := self.before.get(name)) else anew)
            for name in names
        )

    def counted(self) -> Sequence[Tally]:
        """What was counted: packets, then bytes. Nothing where a counter was reset."""
        group = self.group
        lines = self._gained(group.chain, group.jumps)
        own = [self._gained(member.chain, [rule for _, rule in member.verdicts.deciding]) for member in group.members]
        jumps = [self._gained(name, (jump.entered, *jump.decided.rules)) for name, jump in self.jumps]
        if not lines or None in own or None in jumps:
            return ()
        is_exact = all(jump.is_exact for _, jump in self.jumps)
        return [
            Tally(
                entered=sum(gains[0][unit] for gains in jumps if gains),
                decided=sum(gains[1][unit] - sum(less[unit] for less in gains[2:]) for gains in jumps if gains),
                is_exact=is_exact,
                lines=[gain[unit] for gain in lines],
                own=[[gain[unit] for gain in gains or ()] for gains in own],
            )
            for unit in (0, 1)
        ]

    def _gained(self, name: str, rules: Sequence[int]) -> Sequence[tuple[int, int]] | None:
        """Packets and bytes that rules of a chain gained; None where that cannot be told. A new chain began at 0."""
        now, before = self.now[name], self.before.get(name)
        if before is None:
            return now.counters(rules)
        if before.layout is not now.layout or any_fell(now, before):
            return None
        return gains(before.counters(rules), now.counters(rules))


def _decisions(interval: _GroupInterval, *, was_in_step: bool) -> tuple[bool, Decisions | None]:
    """Whether the places that count agree, and what is known of the members."""
    tallies = interval.counted() if interval.rules_held(anew=True) else ()
    agree = bool(tallies) and all(tally.agrees for tally in tallies)
    if agree and was_in_step:
        return agree, Decisions(*(tally.bounds(interval.group) for tally in tallies))
    return agree, _rules_alone(interval.group) if interval.rules_held(anew=False) else None


def _moved(interval: Interval) -> Sequence[_GroupInterval]:
    """The groups whose chain or whose endpoints counted anything, or changed."""
    plan = interval.now.plan
    if not plan.group_jumps:
        return ()
    now, before = interval.now.ruleset.chains, interval.before.chains
    # A group's chain may be declared and have no rules (any more), and then it is no chain of the ruleset.
    jumps: dict[str, list[tuple[str, GroupJump]]] = {
        name: [] for name in plan.groups if now.get(name) is not before.get(name)
    }
    for name, own in plan.group_jumps.items():
        if now.get(name) is not before.get(name):
            for jump in own:
                jumps.setdefault(jump.group, []).append((name, jump))
    return [_GroupInterval(plan.groups[name], own_jumps, now, before) for name, own_jumps in jumps.items()]


def _rules_alone(group: GroupPlan) -> Decisions:
    """What holds whatever was counted: a member without a rule for a verdict never gave it."""
    bounds = {verdict: [_ANY if member.verdicts.can(verdict) else 0 for member in group.members] for verdict in Verdict}
    return Decisions(bounds, bounds)


_ANY = 1 << 64
"""More than a counter holds."""
