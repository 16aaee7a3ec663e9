"""Finds what match ids count where the programs cannot be read: by computing the ids of the datastore's policies.

An id cannot be undone, so all that a policy's rules may have is computed and looked for among the ids that counted. A
little of it is done at each look, lowest places first: nearly every rule is among the first of its policy. With flow
logs on nothing is found, and the ids stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, Policy, Verdict
from otel_calico.calico.policy_names import canonical, from_policy
from otel_calico.ebpf.counted import NO_PROFILE_ACCEPTED, UNTOLD, Counted, CountedEnd, CountedRule, PolicyVerdict
from otel_calico.ebpf.map_entries import RuleCounters
from otel_calico.ebpf.match_ids import NO_PROFILE, IdForm, Owner, RulePlace, end_of_tier_id, policy_name, rule_id
from otel_calico.ebpf.state import EbpfState

_AT_FIRST = 100_000
"""Ids computed at the first look: half a second's work."""
_AT_A_LOOK = 1_000
_DEEPEST = 100
"""SeriesPlaces of a policy's rules that are tried."""


class IdSearch:
    """Looks for the ids of one node, look after look."""

    def __init__(self) -> None:
        self._found: dict[int, Counted] = {}
        self._told: Mapping[int, Counted] = {}
        self._candidates: Iterator[tuple[int, Counted]] = iter(())
        self._searched: tuple[frozenset[int], int] | None = None  # what for, and in which version of the lookups
        self._first: RuleCounters | None = None
        self._moves = False

    def look(self, state: EbpfState, lookups: Lookups) -> Mapping[int, Counted]:
        """What is known of the ids that counted; nothing until one of them did while we looked.

        Without the programs nobody knows whether the map is frozen, as it is when policy debug is off. The same object
        as long as it is the same.
        """
        work = _AT_A_LOOK if self._first is not None else _AT_FIRST
        if self._first is None:
            self._first = state.rules
        self._moves = self._moves or state.rules != self._first
        self._search(state, lookups, work)
        told = {one: counted for one, counted in self._found.items() if one in state.rules} if self._moves else {}
        if told and NO_PROFILE in state.rules:
            told[NO_PROFILE] = NO_PROFILE_ACCEPTED if state.tells_ends else UNTOLD
        if told != self._told:
            self._told = told
        return self._told

    def _search(self, state: EbpfState, lookups: Lookups, work: int) -> None:
        wanted = state.rules.keys() - self._found.keys() - {NO_PROFILE}
        if not wanted:
            return
        goal = frozenset(wanted), lookups.version
        candidates = list(islice(self._candidates, work))
        if not candidates and goal != self._searched:  # a search that is under way ends before the next begins
            self._searched = goal
            self._candidates = _candidates(state, lookups)
            candidates = list(islice(self._candidates, work))
        self._found |= {match_id: counted for match_id, counted in candidates if match_id in wanted}


def _candidates(state: EbpfState, lookups: Lookups) -> Iterator[tuple[int, Counted]]:
    """Every id that something of the datastore may have, with what it counts."""
    forms = (IdForm.KINDS, IdForm.LETTERS) if state.tells_ends else (IdForm.WORDS,)
    resources = [resource for kind in lookups.kinds() for resource in tuple(lookups.held(kind).values())]
    policies = [resource for resource in resources if isinstance(resource, Policy)]
    if state.tells_ends:
        for tier in dict.fromkeys(["default", *(policy.tier for policy in policies)]):
            for direction in Direction:
                for verdict in (Verdict.DENY, Verdict.PASS):
                    yield end_of_tier_id(IdForm.KINDS, tier, direction, verdict), CountedEnd(tier, direction, verdict)
    decisions = [
        (form, policy_name(form, policy), PolicyVerdict(canonical(from_policy(policy)), direction, verdict))
        for policy in policies
        for form in forms
        for direction in Direction
        for verdict in Verdict
    ]
    for index in range(_DEEPEST):
        for form, name, decides in decisions:
            place = RulePlace(Owner.POLICY, name, decides.direction, decides.verdict, index)
            yield rule_id(form, place), CountedRule(decides, index, None)
