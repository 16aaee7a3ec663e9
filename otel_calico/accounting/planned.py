"""What the accounts of one scan are given. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.attribution.plan import RulesetPlan
from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class ScanTimes:
    """`previous` is the Unix time in nanoseconds of the scan before this one; of this one, where it is the first."""

    previous: int
    first: bool


@dataclass(frozen=True, slots=True)
class PlannedRuleset:
    """The ruleset of one IP version in one scan with its plan, and the ruleset of the scan before."""

    ip_version: IPVersion
    plan: RulesetPlan
    ruleset: Ruleset
    before: Ruleset
    times: ScanTimes
