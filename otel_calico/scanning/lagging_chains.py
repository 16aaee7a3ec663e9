"""Notices that the chains of a ruleset do not follow the datastore: Felix may keep another ruleset now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence, Set
from operator import is_not

from otel_calico.attribution.plan import RulesetPlan
from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.calico.chains import workload_chain

_PATIENCE = 3.0
"""Seconds after which Felix has normally written the chains of a pod that came, or removed those of one that went."""


class LaggingChains:
    """Remembers since when each interface differs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._plans: Sequence[RulesetPlan] = ()
        self._names: Sequence[Set[str]] = ()  # of all chains
        self._chains: frozenset[str] = frozenset()
        self._since: dict[str, float] = {}
        self._overdue: Set[str] = frozenset()

    def found(self, rulesets: Sequence[PlannedRuleset], endpoints: Iterable[str]) -> bool:
        """True once for each interface that has differed for seconds. `endpoints` are those of the datastore."""
        plans = [ruleset.plan for ruleset in rulesets]
        if len(plans) != len(self._plans) or any(map(is_not, plans, self._plans)):
            self._plans = plans
            names = [frozenset(ruleset.ruleset.chains) for ruleset in rulesets]
            if names != self._names:
                self._names, self._chains = names, _interfaces(names)
        now = self._clock()
        self._since = {name: self._since.get(name, now) for name in self._chains.symmetric_difference(endpoints)}
        overdue = {name for name, since in self._since.items() if now - since >= _PATIENCE}
        new, self._overdue = overdue - self._overdue, overdue
        return bool(new)


def _interfaces(names: Iterable[Set[str]]) -> frozenset[str]:
    """Those of workloads that have chains."""
    found = (workload_chain(name) for of_ruleset in names for name in of_ruleset)
    return frozenset(of_workload[1] for of_workload in found if of_workload)
