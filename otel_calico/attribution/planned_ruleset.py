"""A ruleset with its plan, as one scan found it."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.attribution.plan import RulesetPlan
from otel_calico.calico.model import IPVersion, RulesetKey
from otel_calico.ruleset.ruleset import Ruleset


@dataclass(frozen=True, slots=True, eq=False)
class PlannedRuleset:
    """A ruleset in one scan, and its plan."""

    key: RulesetKey
    ruleset: Ruleset
    plan: RulesetPlan

    @property
    def ip_version(self) -> IPVersion:
        """The IP version of its packets."""
        return self.key.ip_version
