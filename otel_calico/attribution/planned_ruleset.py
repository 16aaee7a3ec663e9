"""A ruleset with its plan, as one scan found it."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.attribution.plan import RulesetPlan
from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.ruleset import Ruleset


@dataclass(frozen=True, slots=True, eq=False)
class PlannedRuleset:
    """The ruleset of one IP version in one scan, and its plan."""

    ip_version: IPVersion
    ruleset: Ruleset
    plan: RulesetPlan
